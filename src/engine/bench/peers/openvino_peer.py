"""OpenVINO on our own ONNX graph, as a peer of the benchmark. A task a line on stdin, an answer a line on stdout."""
import json
import resource
import sys
import time

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print is no answer

import nncf
import numpy
import openvino


def open_task(task):
    work = task["work"]
    if work["kind"] != "unet":
        raise ValueError(f"expected the step of a U-Net, found {work['kind']}")
    rows, size = work["rows"], work["size"]
    inputs = {
        "sample": [rows, work["channels"], size, size],
        "timestep": [rows, 1],
        "imageEmbedding": [rows, work["embeddingWidth"]],
    }
    generator = numpy.random.default_rng(0)

    def feeds():
        return {name: generator.standard_normal(shape, numpy.float32) for name, shape in inputs.items()}

    model = openvino.Core().read_model(work["graph"])
    # Shapes fixed, as its users do for speed.
    model.reshape(inputs)
    if task["precision"] == "int8":
        # Calibrated on noise: how fast it is does not depend on the ranges.
        model = nncf.quantize(model, nncf.Dataset([feeds() for _ in range(4)]), subset_size=4)
    compiled = openvino.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": task["threads"],
            "INFERENCE_PRECISION_HINT": "bf16" if task["precision"] == "bfloat16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    request = compiled.create_infer_request()
    fed = feeds()
    return lambda: request.infer(fed)


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
    print(json.dumps(answer), file=answers, flush=True)
