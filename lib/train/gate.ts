// A gate that holds a run between two steps.

/** Open at first. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;

  get closed(): boolean {
    return this.#opened !== undefined;
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open?.();
    [this.#opened, this.#open] = [undefined, undefined];
  }

  /** Resolves when it is opened, or the signal is aborted. */
  async passed(signal: AbortSignal | undefined): Promise<void> {
    if (!this.#opened || signal?.aborted) return;
    let aborted = (): void => {};
    const abort = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    signal?.addEventListener("abort", aborted);
    try {
      await Promise.race([this.#opened, abort]);
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }
}
