"""An agent as a test wants it. usage: speaker.py FOLDER NAME

`FOLDER/NAME.json` is a list of what to do, one item for each time it is called and the last one for ever:
{"say": VALUE} prints JSON, {"raw": TEXT} prints text, {"sleep": S} waits first, {"exit": N} ends with that code.
Every call adds a line to `FOLDER/NAME.calls`, and the prompt is kept in `FOLDER/NAME.prompt`.
"""

import json
import os
import sys
import time

folder, name = sys.argv[1:3]
prompt = sys.stdin.buffer.read()
path = os.path.join(folder, name)
with open(path + ".calls", "a") as stream:
    stream.write(f"{os.getpid()}\n")
with open(path + ".calls") as stream:
    number = sum(1 for _ in stream)
with open(path + ".prompt", "wb") as stream:
    stream.write(prompt)
with open(path + ".json") as stream:
    behaviours = json.load(stream)
doing = behaviours[min(number, len(behaviours)) - 1]
time.sleep(doing.get("sleep", 0))
if "say" in doing:
    print(json.dumps(doing["say"]))
sys.stdout.write(doing.get("raw", ""))
sys.stdout.flush()
sys.exit(doing.get("exit", 0))
