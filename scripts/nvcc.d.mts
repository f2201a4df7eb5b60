// Types of nvcc.mjs, for the tests that use it.
export function compile(source: string, ...options: string[]): string;
export function ptxOf(source: string, folder: string, ...options: string[]): string;
