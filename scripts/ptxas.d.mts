// Types of ptxas.mjs, for the tests that use it.
export interface Resources {
  readonly kernel: string;
  readonly architecture: number;
  readonly registers: number;
  readonly shared: number;
  readonly stack: number;
  readonly spilled: number;
}
export function judge(
  ptx: string,
  report: string,
  architectures: readonly number[],
): { readonly rows: readonly Resources[]; readonly problems: readonly string[] };
