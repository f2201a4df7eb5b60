// The snapshots of a guard as a safetensors file, in a checkpoint: bytes of device memory, for the same model and optimizer.

import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../data/safetensors.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Snapshots } from "../optim/snapshots.js";
import { packageVersion } from "./version.js";

/** The content of the file: `guard` and `running` (F64), and `ring.<run>.<buffer>` (U8). */
export function encodeSnapshots({ guard, running, rings }: Snapshots, slots: number): Uint8Array[] {
  const tensors: [string, SafetensorsTensor][] = Object.entries(rings).map(([name, data]) => [
    `ring.${name}`,
    { dtype: "U8", shape: [data.length], data },
  ]);
  for (const [name, data] of [
    ["guard", guard],
    ["running", running],
  ] as const)
    tensors.push([name, { dtype: "F64", shape: [data.length], data }]);
  return encodeSafetensors(Object.fromEntries(tensors), {
    adastep: packageVersion(),
    slots: String(slots),
  });
}

/**
 * Puts the snapshots of a file back, after the state that they were saved beside; those of a guard with another number of slots are
 * left out.
 * @throws ArgumentError for what does not fit
 */
export function decodeSnapshots(optimizer: Optimizer, bytes: Uint8Array, path: string, slots: number): void {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  if (metadata.slots !== String(slots)) return;
  const rings = Object.entries(tensors).flatMap(([name, { data }]) =>
    name.startsWith("ring.") ? [[name.slice("ring.".length), data] as const] : [],
  );
  const [guard, running] = [tensors.guard?.data, tensors.running?.data];
  optimizer.snapshots.write(slots, { guard, running, rings: Object.fromEntries(rings) } as Snapshots);
}
