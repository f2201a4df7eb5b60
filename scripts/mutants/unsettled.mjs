/**
 * Kernels with surviving mutants that have not been told apart yet: tests that are missing, or changes that change nothing.
 * A kernel leaves the list when `node scripts/mutants.mjs <kernel>` has none.
 */
export const UNSETTLED =
  /update_|advance|gradient_sums|fold_|settle|snapshot|sort|runs_|sparse|catch_up|bag|row_|rows|clock|flush|cast/;
