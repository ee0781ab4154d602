"""An MCP server over standard input and output that does what it should not.

usage: mcp_server.py [QUIRK ...]

  slow-start     never answers the first request
  dies-at-start  ends at once with status 3 and a word to standard error
  noisy          writes lines that are no messages
  modern         knows the protocol of 2026-07-28 only, which has no handshake and no questions in mid-call

Its tools, two on a page, are in TOOLS. Each call adds its name to the file $CALLS, where that is set.
"""

import json
import os
import sys
import time

quirks = sys.argv[1:]


def tool(name, **hints):
    return {"name": name, "description": name, "inputSchema": {"type": "object"}, "annotations": hints}


TOOLS = [
    tool("ask_twice"),
    tool("data", readOnlyHint=True),
    tool("die"),
    tool("die_once_looking", readOnlyHint=True),
    tool("die_looking", readOnlyHint=True),
    tool("fail", readOnlyHint=True),
    tool("grow"),
    tool("hang"),
    tool("hang_looking", readOnlyHint=True),
    tool("huge", readOnlyHint=True),
    tool("odd.name with blanks", readOnlyHint=True),
    tool("write", readOnlyHint=False, destructiveHint=False, openWorldHint=False),
]


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(text):
    return {"content": [{"type": "text", "text": text}]}


def remember(name):
    if "CALLS" in os.environ:
        with open(os.environ["CALLS"], "a") as calls:
            calls.write(name + "\n")


def ask(number):
    send({"id": f"ask-{number}", "method": "elicitation/create", "params": {
        "message": f"Question {number}?",
        "requestedSchema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    }})
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") == f"ask-{number}":
            return message["result"]
        if message.get("method") == "notifications/cancelled":
            remember("cancelled")


def call(id, name, arguments):
    remember(name)
    if name == "die" or name == "die_looking":
        print("a last word", file=sys.stderr, flush=True)
        os._exit(7)
    if name == "die_once_looking":
        mark = os.environ["CALLS"] + ".died"
        if not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(7)
    if name.startswith("hang"):
        return
    if name == "fail":
        return send({"id": id, "result": {**text("it did not work"), "isError": True}})
    if name == "data":
        return send({"id": id, "result": {"content": [], "structuredContent": {"degrees": 21}}})
    if name == "huge":
        size = arguments["megabytes"] * 1024 * 1024
        sys.stdout.write('{"result":{"content":[{"type":"text","text":"')
        for _ in range(size // 65536):
            sys.stdout.write("x" * 65536)
        sys.stdout.write('"}]},"jsonrpc":"2.0","id":%d}\n' % id)
        sys.stdout.flush()
        return
    if name == "grow":
        TOOLS.append(tool("grown", readOnlyHint=True))
        send({"method": "notifications/tools/list_changed"})
    if name == "ask_twice" and "modern" in quirks:
        given = arguments.get("inputResponses")
        if given is None or "two" not in given:
            key = "one" if given is None else "two"
            return send({"id": id, "result": {"resultType": "input_required", "requestState": key, "inputRequests": {
                key: {"method": "elicitation/create", "params": {
                    "mode": "form", "message": f"Question {key}?",
                    "requestedSchema": {"type": "object", "properties": {"word": {"type": "string"}}},
                }},
            }}})
        return send({"id": id, "result": text(json.dumps(given["two"], sort_keys=True))})
    if name == "ask_twice":
        answers = [ask(1), ask(2)]
        return send({"id": id, "result": text(json.dumps(answers, sort_keys=True))})
    send({"id": id, "result": text(f"{name} was called")})


def answer(message):
    id, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method == "initialize" and "modern" in quirks:
        send({"id": id, "error": {"code": -32601, "message": "there is no initialize"}})
    elif method == "server/discover":
        send({"id": id, "result": {
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "quirky", "version": "2"}, "ttlMs": 0, "cacheScope": "private",
        }})
    elif method == "initialize":
        if "slow-start" in quirks:
            time.sleep(3600)
        send({"id": id, "result": {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "quirky", "version": "1"},
        }})
    elif method == "tools/list":
        start = int(params.get("cursor") or 0)
        result = {"tools": TOOLS[start:start + 2]}
        if start + 2 < len(TOOLS):
            result["nextCursor"] = str(start + 2)
        send({"id": id, "result": result})
    elif method == "tools/call":
        given = {"inputResponses": params["inputResponses"]} if "inputResponses" in params else {}
        call(id, params["name"], {**(params.get("arguments") or {}), **given})
    elif method == "notifications/cancelled":
        remember("cancelled")


if "dies-at-start" in quirks:
    print("cannot find my configuration", file=sys.stderr, flush=True)
    sys.exit(3)
for line in sys.stdin:
    if "noisy" in quirks:
        print("Listening … <not a message>")
        print('{"half of a message": ')
        print('{"jsonrpc":"1.0","what":"is this"}', flush=True)
    answer(json.loads(line))
