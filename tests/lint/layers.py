"""The rule of layers: base includes nothing of ours, auth includes base, and so on (LAYERS in common.py).

It holds for #include lines and for the libraries that a meson.build links. The unit tests of a layer may use what the
layer itself may. Includes spell the layer ("base/log.h"), and a source file includes its own header first.
"""

import re

from common import LAYERS, ROOT, project_files, report, without_comments

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
NAMES = "|".join(LAYERS)
MESON_LIBRARY = re.compile(rf"\b({NAMES})_dep\b|\blink_with:\s*\[?\s*({NAMES})\b")


def layer_of(path):
    """The layer whose rule holds for a file, or None where there is no rule."""
    parts = path.parts
    if parts[0] in LAYERS:
        return parts[0]
    if parts[:2] == ("tests", "unit") and len(parts) > 3 and parts[2] in LAYERS:
        return parts[2]
    return None


def line_of(text, match):
    return text.count("\n", 0, match.start(2)) + 1


def check_include(path, layer, included):
    """What is wrong with one #include "…", or None."""
    folder = included.split("/")[0]
    if folder not in LAYERS:
        helper = path.parts[0] == "tests" and ((ROOT / path.parent / included).exists() or (ROOT / included).exists())
        return None if helper else f'"{included}" does not spell its layer ("base/…")'
    if folder != layer and folder not in LAYERS[layer]:
        return f'{layer}/ must not include "{included}"'
    return None


def check_source(path, text):
    layer = layer_of(path)
    if layer is None:
        return
    text = without_comments(text)
    own = f"{layer}/{path.stem}.h"
    for position, match in enumerate(INCLUDE.finditer(text)):
        quote, included = match.groups()
        if position == 0 and path.suffix == ".c" and (ROOT / own).exists() and path.parts[0] == layer:
            if included != own:
                yield path, line_of(text, match), f'the first include must be "{own}"'
        if quote == '"':
            wrong = check_include(path, layer, included)
            if wrong:
                yield path, line_of(text, match), wrong


def check_meson(path, text):
    layer = layer_of(path)
    if layer is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        for match in MESON_LIBRARY.finditer(line.split("#")[0]):
            library = match.group(1) or match.group(2)
            if library != layer and library not in LAYERS[layer]:
                yield path, number, f"{layer}/ must not link {library}/"


def main():
    findings = []
    for path in project_files(".c", ".h"):
        findings += check_source(path, (ROOT / path).read_text())
    for path in project_files("meson.build"):
        findings += check_meson(path, (ROOT / path).read_text())
    report(findings)


if __name__ == "__main__":
    main()
