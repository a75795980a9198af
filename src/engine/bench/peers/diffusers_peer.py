"""Python diffusers as a peer of the benchmark: eager, on the CPU. A task a line on stdin, an answer a line on stdout."""
import json
import resource
import sys
import time

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print is no answer

import torch
from diffusers import KandinskyV22CombinedPipeline, UNet2DConditionModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def open_drawing(work, dtype):
    pipe = KandinskyV22CombinedPipeline.from_pretrained(work["folder"], torch_dtype=dtype)
    for part in (pipe, pipe.prior_pipe, pipe.decoder_pipe):
        part.set_progress_bar_config(disable=True)
    return lambda: pipe(
        work["prompt"],
        num_images_per_prompt=work["count"],
        num_inference_steps=work["steps"],
        prior_num_inference_steps=work["priorSteps"],
        guidance_scale=work["guidanceScale"],
        prior_guidance_scale=work["priorGuidanceScale"],
        height=work["size"],
        width=work["size"],
        generator=torch.Generator().manual_seed(0),
        output_type="pt",
    )


def open_unet(work, dtype):
    unet = UNet2DConditionModel.from_pretrained(work["folder"], torch_dtype=dtype).eval()
    rows, size = work["rows"], work["size"]
    sample = torch.randn(rows, work["channels"], size, size, dtype=dtype)
    embedding = torch.randn(rows, work["embeddingWidth"], dtype=dtype)
    timestep = torch.full((rows,), 500)

    def step():
        with torch.inference_mode():
            return unet(sample, timestep, None, added_cond_kwargs={"image_embeds": embedding}).sample

    return step


def open_task(task):
    if task["precision"] not in DTYPES:
        raise ValueError(f"expected float32 or bfloat16, found {task['precision']}")
    torch.set_num_threads(task["threads"])
    opener = {"drawing": open_drawing, "unet": open_unet}[task["work"]["kind"]]
    return opener(task["work"], DTYPES[task["precision"]])


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
