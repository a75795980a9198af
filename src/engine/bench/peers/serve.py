"""The protocol of a peer: a task a line on stdin, an answer a line on stdout. Import it before what may print."""
import json
import resource
import sys
import time

_answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print is no answer


def serve(open_task):
    """open_task(task) loads what a task needs, and returns what does its work once."""
    run = None
    for line in sys.stdin:
        try:
            task = json.loads(line)
            start = time.perf_counter()
            if task["do"] == "open":
                run = open_task(task)
            else:
                run()
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            answer = {"seconds": seconds, "peakBytes": peak}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=_answers, flush=True)
