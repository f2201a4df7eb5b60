/** Runs `run(item, job)` on all items, `jobs` at a time; no two at a time have the same number of a job. */
export async function inParallel(items, jobs, run) {
  const queue = [...items];
  const worker = async (_, job) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next, job);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}
