"""OpenVINO on our own ONNX graph, as a peer of the benchmark."""
from serve import serve  # first: it keeps what libraries print from the answers

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


serve(open_task)
