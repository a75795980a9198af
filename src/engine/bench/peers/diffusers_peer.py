"""Python diffusers as a peer of the benchmark: eager, on the CPU."""
from serve import serve  # first: it keeps what libraries print from the answers

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


serve(open_task)
