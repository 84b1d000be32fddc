# SPDX-License-Identifier: Apache-2.0
"""System calls that a process is refused, as by the seccomp profile of a container."""

import ctypes
import struct

EPERM = 0x00050001  # actions of seccomp(2)
KILL = 0x80000000
ALLOW = 0x7FFF0000

PIDFD_OPEN = 434  # the same on all architectures
OPEN_TREE = 428

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("filters", ctypes.c_char_p)]


def refuse(number, action=EPERM):
    """For preexec_fn: from then on, and in all children, the system call of that number gets the action."""
    filters = b"".join(struct.pack("=HBBI", *filter) for filter in (
        (LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, action), (RETURN, 0, 0, ALLOW)))
    program = Program(4, filters)
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec():
        if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0) < 0):
            raise OSError(ctypes.get_errno(), "seccomp")

    return before_exec
