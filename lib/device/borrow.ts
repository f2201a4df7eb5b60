// A device reads lent memory where it lies.

import { type LentMemory, type Loan, loanOf } from "../lent.js";
import type { TypedArray } from "../native/native.js";
import type { Device } from "./device.js";

const staged = new WeakMap<Device, WeakSet<LentMemory>>();

/** Lets a device read the memory from now on, until it ends. */
function stage(device: Device, memory: LentMemory): void {
  const known = staged.get(device) ?? new WeakSet();
  staged.set(device, known);
  if (known.has(memory)) return;
  const bytes = new Uint8Array(memory.buffer);
  device.native.stage(bytes);
  known.add(memory);
  const weak = new WeakRef(device); // which may end before the memory does
  memory.onEnd(() => {
    const alive = weak.deref();
    if (alive && !alive.disposed) alive.native.unstage(bytes);
  });
}

/**
 * Makes the device read those of the arrays that are lent where they lie.
 * @param names of the arrays, for messages
 * @returns what has to be called when it has read them; undefined if none is lent
 * @throws DisposedError for an array of a batch that went back
 */
export function borrow(
  device: Device,
  names: readonly string[],
  arrays: readonly TypedArray[],
): (() => void) | undefined {
  const loans = new Set<Loan>();
  arrays.forEach((array, i) => {
    const loan = loanOf(`program.run: '${names[i]}'`, array);
    if (loan && !loan.memory.ended) loans.add(loan); // of memory that has ended there is a copy when `run` returns
  });
  if (loans.size === 0) return undefined;
  for (const { memory } of loans) stage(device, memory);
  const ends = [...loans].map((loan) => loan.read());
  return () => {
    for (const end of ends) end();
  };
}
