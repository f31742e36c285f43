"""An agent as a test wants it. usage: speaker.py FOLDER NAME

`FOLDER/NAME.json` is a list of what to do, one item for each time it is called and the last one for ever:
{"say": VALUE} prints JSON, {"raw": TEXT} prints text, {"sleep": S} waits first, {"exit": N} ends with that code.
Every call adds a line to `FOLDER/NAME.calls`, and the prompt is kept in `FOLDER/NAME.prompt`.

Asked for its ballot, it does the same by `FOLDER/NAME-ballot.json`, with `NAME-ballot.calls` and so on. Without that
file it agrees with every statement; {"vote": {TEXT: WORD}} votes so on the statements that hold that text, and agrees
with all others.
"""

import json
import os
import re
import sys
import time

folder, name = sys.argv[1:3]
prompt = sys.stdin.buffer.read()
statements = re.findall(r"^(s[0-9]+): (.*)$", prompt.decode(), re.MULTILINE)
path = os.path.join(folder, f"{name}-ballot" if statements else name)
with open(path + ".calls", "a") as stream:
    stream.write(f"{os.getpid()}\n")
with open(path + ".calls") as stream:
    number = sum(1 for _ in stream)
with open(path + ".prompt", "wb") as stream:
    stream.write(prompt)
behaviours = [{"vote": {}}]
if not statements or os.path.exists(path + ".json"):
    with open(path + ".json") as stream:
        behaviours = json.load(stream)
doing = behaviours[min(number, len(behaviours)) - 1]
time.sleep(doing.get("sleep", 0))
if "say" in doing:
    print(json.dumps(doing["say"]))
if "vote" in doing:
    against = {number: word for number, text in statements for part, word in doing["vote"].items() if part in text}
    votes = [{"id": number, "vote": against.get(number, "agree"), "because": "so"} for number, _ in statements]
    said = {"ballot": votes}
    if "usd" in doing:  # as claude wraps it
        used = {"input_tokens": 300, "output_tokens": 100}
        said = {"type": "result", "result": json.dumps(said), "usage": used, "total_cost_usd": doing["usd"]}
    print(json.dumps(said))
sys.stdout.write(doing.get("raw", ""))
sys.stdout.flush()
sys.exit(doing.get("exit", 0))
