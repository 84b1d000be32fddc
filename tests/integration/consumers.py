# SPDX-License-Identifier: Apache-2.0
"""Programs that watch files, as people use them: each prints the file's content at every change it is told of."""

import os
import pathlib
import subprocess
import threading

import util

ROOT = util.HERE.parents[1]
NODE_MODULES = pathlib.Path(os.environ.get("NODE_MODULES", ROOT / "build/node/node_modules"))
RAW_WATCH = pathlib.Path(os.environ.get("SECRETSFS_RAW_WATCH", ROOT / "build/tests/integration/raw_watch"))

WATCHDOG = """
import sys, time
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
class Handler(FileSystemEventHandler):
    def on_modified(self, event):
        print(open(sys.argv[2]).read(), flush=True)
observer = Observer()
observer.schedule(Handler(), sys.argv[1])
observer.start()
print("watching", flush=True)
observer.join()
"""
CHOKIDAR = """
const chokidar = require("chokidar"), fs = require("fs");
const [watched, file] = process.argv.slice(1);
chokidar.watch(watched, {ignored: /\\.versions/})
    .on("change", () => console.log(fs.readFileSync(file, "latin1")))
    .on("ready", () => console.log("watching"));
"""
INOTIFYWAIT = """
inotifywait -m -e modify,close_write "$1" 2>&1 | while read -r line; do
    case $line in *established*) echo watching ;; Setting*) ;; *) cat "$2"; echo ;; esac
done
"""
# entr says nothing when it is ready, but its command runs once then.
ENTR = 'echo watching; { if [ -d "$1" ]; then ls -d "$1"/*; else echo "$1"; fi; } '
ENTR += '| entr -n sh -c \'cat "$0"; echo\' "$2"'
RAW = '"$0" "$1" | while read -r line; do if [ "$line" = watching ]; then echo "$line"; else cat "$2"; echo; fi; done'

COMMANDS = {
    "inotifywait": lambda watched, file: ["sh", "-c", INOTIFYWAIT, "sh", watched, file],
    "watchdog": lambda watched, file: ["/usr/bin/python3", "-c", WATCHDOG, watched, file],
    "entr": lambda watched, file: ["sh", "-c", ENTR, "sh", watched, file],
    "chokidar": lambda watched, file: ["node", "-e", CHOKIDAR, "--", watched, file],
    "raw inotify": lambda watched, file: ["sh", "-c", RAW, RAW_WATCH, watched, file],
}


class Consumer:
    """One of COMMANDS, running; what it prints is collected."""

    def __init__(self, kind, watched, file, prefix=()):
        command = [*prefix, *map(str, COMMANDS[kind](watched, file))]
        environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
        self.output = ""
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        self.thread = threading.Thread(target=self._collect, daemon=True)

    def _collect(self):
        for line in self.process.stdout:
            self.output += line.decode(errors="replace")

    def __enter__(self):
        self.thread.start()
        self.wait_for("watching")
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait(util.PATIENCE)
        self.thread.join(util.PATIENCE)
        self.process.stdout.close()

    def wait_for(self, text):
        try:
            util.wait_until(lambda: text in self.output)
        except AssertionError:
            raise AssertionError(f"{self.process.args[:3]} has not printed {text!r} but {self.output!r}") from None
