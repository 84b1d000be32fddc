"""The lints find what they are for. Run by ./dev lint rules."""

import unittest
from pathlib import Path

import banned
import hardening
import layers
import sizes

HARDENED = """
  Type:                              DYN (Position-Independent Executable file)
  LOAD           0x000000 0x0 0x0 0x001000 0x001000 R E 0x1000
  GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW  0x10
  GNU_RELRO      0x002da0 0x0000000000003da0 0x0000000000003da0 0x000260 0x000260 R   0x1
 0x000000000000001e (FLAGS)              BIND_NOW
 0x000000006ffffffb (FLAGS_1)            Flags: NOW PIE
     3: 0 0 FUNC GLOBAL DEFAULT UND __stack_chk_fail@GLIBC_2.4 (2)
     4: 0 0 FUNC GLOBAL DEFAULT UND __snprintf_chk@GLIBC_2.3.4 (3)
"""


def lines(findings):
    return [line for _, line, _ in findings]


class Layers(unittest.TestCase):
    def check(self, path, text):
        return lines(layers.check_source(Path(path), text))

    def test_a_lower_layer_does_not_include_a_higher_one(self):
        self.assertEqual(self.check("base/x.c", '#include <stdio.h>\n#include "auth/sigv4.h"\n'), [2])
        self.assertEqual(self.check("cache/x.c", '#include "backend/x.h"\n'), [1])
        self.assertEqual(self.check("fs/x.c", '#include "cache/x.h"\n#include "base/log.h"\n'), [])

    def test_unit_tests_are_bound_by_the_rule_of_their_layer(self):
        self.assertEqual(self.check("tests/unit/base/test_x.c", '#include "fs/x.h"\n'), [1])
        self.assertEqual(self.check("tests/unit/auth/test_x.c", '#include "base/log.h"\n'), [])

    def test_an_include_spells_its_layer(self):
        self.assertEqual(self.check("base/x.c", '#include "log.h"\n'), [1])

    def test_own_header_comes_first(self):
        self.assertEqual(self.check("base/log.c", '#include <stdio.h>\n#include "base/log.h"\n'), [1])
        self.assertEqual(self.check("base/log.c", '#include "base/log.h"\n#include <stdio.h>\n'), [])

    def test_comments_do_not_count(self):
        self.assertEqual(self.check("base/x.c", '/*\n#include "fs/x.h"\n*/\n'), [])

    def test_meson_links_follow_the_rule(self):
        def check(text):
            return lines(layers.check_meson(Path("auth/meson.build"), text))

        self.assertEqual(check("dependencies: [base_dep, cache_dep]"), [1])
        self.assertEqual(check("auth_dep = declare_dependency(link_with: auth, dependencies: base_dep)"), [])
        self.assertEqual(check("x = library('x', link_with: fs)"), [1])


class Banned(unittest.TestCase):
    def calls(self, path, text):
        return lines(banned.check_calls(Path(path), text))

    def test_calls_are_found(self):
        self.assertEqual(self.calls("base/x.c", "a();\nstrcpy(a, b);\nmemset (a, 0, 1);\n"), [2, 3])

    def test_other_names_texts_and_comments_are_not(self):
        text = 'my_strcpy(a);\nlog("strcpy(a)");\n/* system() */\nx->system(1);\n// gets(a)\n'
        self.assertEqual(self.calls("base/x.c", text), [])

    def test_the_environment_is_for_auth_and_cli(self):
        self.assertEqual(self.calls("cache/x.c", 'secure_getenv("HOME");\n'), [1])
        self.assertEqual(self.calls("auth/x.c", 'secure_getenv("HOME");\n'), [])

    def test_libraries_have_one_place(self):
        def includes(path):
            return lines(banned.check_includes(Path(path), "#include <curl/curl.h>\n"))

        self.assertEqual(includes("backend/x.c"), [1])
        self.assertEqual(includes("base/http.c"), [])


class Sizes(unittest.TestCase):
    def check(self, length):
        function = ["int f(void)", "{"] + ["    ;"] * (length - 2) + ["}"]
        return lines(sizes.check_functions(Path("x.c"), function))

    def test_the_limit_itself_is_allowed(self):
        self.assertEqual(self.check(sizes.FUNCTION_LINES), [])
        self.assertEqual(self.check(sizes.FUNCTION_LINES + 1), [2])


class Hardening(unittest.TestCase):
    def test_a_hardened_binary_passes(self):
        self.assertEqual(hardening.missing_protections(HARDENED), [])

    def test_each_missing_protection_is_told(self):
        for line in HARDENED.strip().splitlines():
            if "LOAD" not in line:
                self.assertTrue(hardening.missing_protections(HARDENED.replace(line, "")), line)

    def test_an_executable_stack_is_told(self):
        self.assertTrue(hardening.missing_protections(HARDENED.replace("RW  0x10", "RWE 0x10")))


if __name__ == "__main__":
    unittest.main()
