import { Command } from 'commander';
import { formatReport, formatSummary, summarise } from '../engine/evaluation/verify/report.ts';
import { type FolderReport, verify as verifyFolders } from '../engine/evaluation/verify/verify.ts';

export const verify = new Command('verify')
  .description('Compare the engine with reference values, tensor by tensor.')
  .argument('<folder...>', 'folders with reference values, or folders of such folders')
  .option('--json', 'one JSON object on stdout instead of the table')
  .addHelpText(
    'after',
    `
Where a small difference grew from step to step, the steps that differ are taken once more, each from the
reference's sample; elements that no two implementations can agree on, because errors as small as a network's
rounding move them as far, are left out. The table says so where it happened.

Exit codes: 0 all agree, 1 some differ, 2 a folder holds no reference values.`,
  )
  .action(async (paths: string[], options: { json?: true }) => {
    const reports: FolderReport[] = [];
    for (const path of paths) {
      for await (const report of verifyFolders(path)) {
        reports.push(report);
        const stream = report.check === null ? process.stderr : process.stdout;
        if (!options.json) stream.write(formatReport(report));
      }
    }
    const summary = summarise(reports);
    if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, folders: reports })}\n`);
    else if (reports.some(({ check }) => check !== null)) process.stdout.write(formatSummary(summary));
    if (summary.failed > 0) process.exitCode = 1;
    else if (summary.unknown > 0) process.exitCode = 2;
  });
