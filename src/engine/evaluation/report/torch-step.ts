import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { InputError } from '../../../errors.ts';
import { lastLines } from '../../training/setup/run.ts';

/**
 * The training step of `decoderTask` in torch, with diffusers' network: noise, v-prediction, min-SNR weights, backward,
 * clipping, AdamW, moving average; float32. A step for each line of stdin, which is answered with its seconds.
 */
const SCRIPT = `
import sys, time, torch
from diffusers import UNet2DConditionModel

folder, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder)).train()
average = [p.detach().clone() for p in unet.parameters()]
optimizer = torch.optim.AdamW(unet.parameters(), lr=6e-4, betas=(.9, .99), weight_decay=.01)
channels, size, width = unet.config.in_channels, unet.config.sample_size, unet.config.encoder_hid_dim
alpha_bars = (1 - torch.linspace(.00085, .012, 1000)).cumprod(0)

def step():
    x0, embedding = torch.randn(batch, channels, size, size), torch.randn(batch, width)
    noise, t = torch.randn_like(x0), torch.randint(1000, (batch,))
    a = alpha_bars[t].sqrt().view(-1, 1, 1, 1)
    s = (1 - alpha_bars[t]).sqrt().view(-1, 1, 1, 1)
    snr = (a / s) ** 2
    output = unet(a * x0 + s * noise, t, None, added_cond_kwargs={'image_embeds': embedding}).sample[:, :channels]
    loss = (snr.clamp(max=5) / (snr + 1) * (output - (a * noise - s * x0)) ** 2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.)
    optimizer.step()
    optimizer.zero_grad()
    torch._foreach_lerp_(average, [p.detach() for p in unet.parameters()], .001)
    return loss.item()

for line in sys.stdin:
    start = time.perf_counter()
    step()
    print(time.perf_counter() - start, flush=True)
`;

/** Python has ended: its last words. */
class TorchEndedError extends InputError {
  override name = 'TorchEndedError';
}

/** Steps in a process of its own. */
interface TorchSteps {
  /** Makes one; its seconds. @throws TorchEndedError */
  step(): Promise<number>;
  close(): void;
}

/** @param folder  of the U-Net: its config.json is read, its weights are not */
export function startTorch(python: string, folder: string, batchSize: number, threads: number): TorchSteps {
  const child = spawn(python, ['-c', SCRIPT, folder, String(batchSize), String(threads)]);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const ended = new Promise((resolve) => child.once('error', resolve).once('close', resolve));
  child.stdin.on('error', () => {}); // the end of the answers says enough
  return {
    async step() {
      child.stdin.write('step\n');
      const { value, done } = await answers.next();
      if (!done) return Number(value);
      await ended;
      throw new TorchEndedError(`${python} has ended: ${lastLines(said, 1)}`);
    },
    close: () => child.stdin.end(),
  };
}
