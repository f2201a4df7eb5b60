/**
 * Mutants that compute the same: of which kernels, by the line of source that the instruction comes from (`file: text`),
 * by what its comparison decides (`use`: "first", whether code ahead runs; "again", whether a loop goes on) and by its
 * `text`, the last two where it takes them; at most how many of a kernel, and why.
 */
const EQUIVALENT = [
  {
    kernel: /_label_rank$/,
    mutation: "bound off by one",
    from: /^reduce\.cu: rank \+= __popc/,
    use: "first",
    most: 1,
    why: "of four chunks at once, of which the last is there: the others are full",
  },
  {
    kernel: /_accumulate$/,
    mutation: "bound off by one",
    from: /^accumulate\.cu: mine\[t\] = r < op\.rows/,
    most: 2,
    why: "the first of the rows that are loaded together: the loop has just tested that it is there",
  },
  {
    kernel: /_max_pool$/,
    mutation: "bound off by one",
    from: /^windows?\.(cu|h): (for \(int64_t kh = down\.first;|return \{start < 0)/,
    use: "first",
    most: 2,
    why: "the first test of a loop over a window, which always has a pixel; and the smaller of two equal numbers",
  },
  {
    kernel: /_max_pool_grad$/,
    mutation: "bound off by one",
    from: /^windows\.h: const int64_t first = padded < kernel/,
    most: 1,
    why: "one window more, that ends before the pixel: it is not its maximum",
  },
  {
    kernel: /_(softmax|layer_norm|layer_norm_grad|cross_entropy)_block$/,
    mutation: "barrier removed",
    from: /^tree\.cuh: __syncthreads\(\);/,
    most: 2,
    why: "a row is folded twice, through an array each: between two uses of one lie the barriers of the other",
  },
  {
    kernel: /_adaptive_clip_block$/,
    mutation: "barrier removed",
    from: /^tree\.cuh: __syncthreads\(\);/,
    most: 4,
    why: "the same; of each of the types",
  },
  {
    kernel: /_adaptive_clip_(warp|block)$/,
    mutation: "bound off by one",
    from: /^unit\.h: return start >= 0 && start <= size/,
    text: /setp\.lt\./,
    most: 2,
    why: "a start at the end: no row fits after it, and there is one at least",
  },
  {
    kernel: /_(block|transpose|reduce_columns|param_grad|sort_count|sort_move|runs_count|runs_write)$/,
    mutation: "bound off by one",
    from: /: for \(int64_t \w+ = (BlockGroup::first\(\)|Group::first\(\)|blockIdx\.x);/,
    use: "first",
    most: 1,
    why: "the first test of a loop over blocks: the grid never has more blocks than there is work",
  },
  {
    kernel: /_block$/,
    mutation: "bound off by one",
    from: /: for \(int64_t j = Group::begin\(\); j < (op\.)?cols;/,
    use: "first",
    most: 1,
    why: "the first test of a loop over columns: a row of these kernels is longer than a block",
  },
  {
    kernel: /_(softmax|cross_entropy_grad)_block$/,
    mutation: "bound off by one",
    from: /^tree\.cuh: (static __device__ int begin|const float result = fold_warp)/,
    text: /\.s64 /, // of all comparisons on these lines only that of columns
    use: "first",
    most: 1,
    why: "the same; the compiler has given it the line where the first column comes from",
  },
  {
    kernel: /_block$/,
    mutation: "bound off by one",
    from: /^tree\.cuh: for \(int64_t first = warp \* kChunk; first < n;/,
    use: "again",
    most: 3,
    why: "a chunk of no elements: it adds 0 to a sum that began with +0, or -infinity to a maximum",
  },
  {
    kernel: /_layer_norm_block$/,
    mutation: "bound off by one",
    from: /^norm\.cu: op\.centered \?/,
    text: /setp\.ge\.s64/,
    use: "first",
    most: 1,
    why: "the first test of a loop over chunks: a block has no more warps than a row has chunks",
  },
  {
    kernel: /_embedding_grad$/,
    mutation: "bound off by one",
    from: /: for \(int64_t i = WarpGroup::first\(\); i < op\.rows \* tiles;/,
    most: 2,
    why: "one warp too many: its columns lie beyond the last, so that it neither reads nor writes a row",
  },
  {
    kernel: /_gemm_128x128$/,
    mutation: "bound off by one",
    from: /: if \(column >= block\.cols\) continue;/,
    most: 4,
    why: "four columns from the end on, of which 0 exist: nothing of them is read or written",
  },
  {
    kernel: /_gemm_(64x64|32x32)$/,
    mutation: "bound off by one",
    from: /: if \((row >= block\.rows|column >= block\.cols)\) continue;/,
    most: 1,
    why: "the same; in these, where the loop needs the comparison once, it may be on the line of the rows",
  },
  {
    kernel: /_(random|dropout)$/,
    mutation: "bound off by one",
    from: /: for \(int64_t group = thread_index\(\); 4 \* group < op\.n;/,
    most: 4,
    why: "a group at the end, of which 0 elements exist: each has a test of its own",
  },
  {
    kernel: /_(random|dropout)$/,
    mutation: "bound off by one",
    from: /: if \(4 \* group \+ i < op\.n\)/,
    most: 2,
    why: "i = 0, which the loop over groups has tested",
  },
  {
    kernel: /_(random|dropout)$/,
    mutation: "bound off by one",
    from: /: if \(vector && 4 \* group \+ 4 <= op\.n\)/,
    most: 2,
    why: "the last whole group, one by one instead of all four at once",
  },
  {
    kernel: /_reduce_(rows|columns)$/,
    mutation: "bound off by one",
    from: /: __device__ int64_t chunks_of/,
    most: 1,
    why: "n = chunk: both ways give one chunk",
  },
  {
    kernel: /_reduce_(rows|columns)$/,
    mutation: "bound off by one",
    from: /: return n - first < chunk \? n : first \+ chunk;/,
    most: 3,
    why: "first + chunk = n: both ways give it",
  },
  {
    kernel: /_argmax_(warp|block)$/,
    mutation: "bound off by one",
    from: /: return greater \|\| \(equal && a\.index < b\.index\) \? a : b;/,
    most: 6,
    why: "only candidates of no element have equal indices, and those are equal in all",
  },
  {
    kernel: /_update_Adafactor$/,
    mutation: "barrier removed",
    from: /: return __nvvm_bar_warp_sync\(mask\);/,
    most: 1,
    why: "makes its state of the gradient alone: where it writes the largest of a block, no lane has read that before",
  },
  {
    kernel: /_gradient_sums$/,
    mutation: "bound off by one",
    from: /: for \(int offset = 4 \* WarpGroup::begin\(\); offset < tile\.n;/,
    most: 2,
    why: "a quad of no elements: it adds 0 to sums that began with +0",
  },
  {
    kernel: /_advance$/,
    mutation: "bound off by one",
    from: /^guard\.h: const bool left = low >= 0 && \(high >= n/,
    use: "first",
    most: 3,
    why: "one of the first three of four rounds at once: only the last of a loop can find all values above taken",
  },
  {
    kernel: /_advance$/,
    mutation: "wrong place in shared memory",
    from: /^guard\.h: const bool left = low >= 0 && \(high >= n/,
    text: /ld\.shared\.f64/,
    most: 1,
    why: "the first of four rounds at once: what a wrong choice leaves is the nearest, and taken before the fourth",
  },
  {
    kernel: /_advance$/,
    mutation: "wrong place in global memory",
    from: /^advance\.h: for .* to\[i\] = words\[i\];/,
    text: /st\.global\.f64 .*\+24\]/,
    most: 1,
    why: "a running word of Prodigy that is written as it was, to the place of the next, which is written after it",
  },
  {
    kernel: /_estimate$/,
    mutation: "wrong place in global memory",
    from: /^advance\.h: for .* to\[i\] = words\[i\];/,
    text: /st\.global\.f32/,
    most: 1,
    why: "a word of the step that is written as it was, to the place of the next, which is written after it",
  },
  {
    kernel: /_fold_totals$/,
    mutation: "bound off by one",
    from: /: for \(int64_t column = WarpGroup::first\(\); column < op\.columns;/,
    use: "again",
    most: 1,
    why: "a second round of the loop: there are 10 columns at most, and never fewer warps than columns",
  },
  {
    kernel: /_sort_(count|move)$/,
    mutation: "barrier removed",
    from: /: return __nvvm_bar_warp_sync\(mask\);/,
    most: 2,
    why: "the last barrier of a warp over its part of a tile: one of the whole block follows",
  },
  {
    kernel: /_sort_scan$/,
    mutation: "bound off by one",
    from: /: const int64_t last = column < columns \?/,
    use: "value",
    most: 1,
    why: "the total of a column after the last: there is room for 256, and nobody reads it",
  },
  {
    kernel: /_runs_(count|write)$/,
    mutation: "bound off by one",
    from: /: for \(int64_t tile = blockIdx\.x; tile < tiles;/,
    use: "again",
    most: 1,
    why: "a tile of no keys: no runs begin there, and nobody reads their count",
  },
  {
    kernel: /_runs_write$/,
    mutation: "bound off by one",
    from: /^sort\.cu: return i < rows && keys\[i\] < vocabulary/,
    text: /setp\.le\./, // the keys', not that of i
    use: "first",
    most: 2,
    why: "counts a run of the keys that are out of range: it comes last, and shifts no other",
  },
  {
    kernel: /_bag_map$/,
    mutation: "bound off by one",
    from: /: ADASTEP_HD bool in_range\(int64_t value, int64_t limit\)/,
    use: "value",
    most: 1,
    why: "of a bag that begins one after its end there is as little a mean as of an empty one",
  },
  {
    kernel: /_(row_squares|sparse_lazy|sparse_catch_up)$/,
    mutation: "bound off by one",
    from: /: ADASTEP_HD bool in_range\(int64_t value, int64_t limit\)/,
    use: "value",
    most: 2,
    why: "of a position that is the row, without a source: it is less than the rows, of which the values have as many",
  },
  {
    kernel: /_watch_rows$/,
    mutation: "fma without its addend",
    from: /^numerics\.h: ADASTEP_HD float fma_/,
    most: 2,
    why: "the first term of a run, whose addend is +0: it decides on the sign of a 0, which is squared, or counts as finite",
  },
  {
    kernel: /_(row_squares|sparse_row_wise)$/,
    mutation: "fma without its addend",
    from: /^numerics\.h: ADASTEP_HD float fma_/,
    most: 2,
    why: "the first term of a run, whose addend is +0: it decides on the sign of a 0, which is squared",
  },
];

/** What is known of a mutant, if anything. */
export const equivalenceOf = (mutant) =>
  EQUIVALENT.find(
    (known) =>
      known.kernel.test(mutant.kernel) &&
      known.mutation === mutant.mutation &&
      known.from.test(mutant.from) &&
      (known.use === undefined || known.use === mutant.use) &&
      (known.text === undefined || known.text.test(mutant.text)),
  );

/** The mutants that can all be equivalent: where more of a kernel match an entry than it allows, none of them. */
export function assumedEquivalent(mutants) {
  const matching = new Map(); // by kernel and entry
  for (const mutant of mutants) {
    const known = equivalenceOf(mutant);
    if (known === undefined) continue;
    const key = `${mutant.kernel} ${EQUIVALENT.indexOf(known)}`;
    matching.set(key, [...(matching.get(key) ?? []), mutant]);
  }
  return new Set([...matching.values()].filter((all) => all.length <= equivalenceOf(all[0]).most).flat());
}
