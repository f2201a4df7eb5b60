// Types of nvcc.mjs, for the tests that use it.
export function ptxOf(source: string, folder: string, ...options: string[]): string;
