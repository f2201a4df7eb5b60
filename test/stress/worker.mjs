// A worker that trains until it is terminated; plain JavaScript, so that it needs no loader. Its data names the addon.

import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

const native = createRequire(import.meta.url)(workerData.addon);
native.initialize((code, message) => Object.assign(new Error(message), { code }));

native.open("cpu", 0, 0, "", 0, (error, device) => {
  if (error) throw error;
  const n = 200_000;
  const buffer = device.alloc(4 * n);
  const fill = native.schema().ops.findIndex((op) => op.name === "fill");
  const words = Float64Array.of(fill, 0, n, 1.5, 0, 0);
  device.submit(words, [buffer]);
  const program = device.program(words, [buffer], Float64Array.of(0, 0, 64), Float64Array.of(0, 0, 64));
  const memory = new Uint8Array(new SharedArrayBuffer(4096));
  device.stage(memory);
  const arrays = [new Float32Array(16), new Float32Array(memory.buffer, 64, 16)];
  const again = () => program.run([arrays.reverse()[0]], again);
  for (let i = 0; i < 8; i++) again();
  for (let i = 0; i < 8; i++) device.read(buffer, 0, 4 * n, () => {});
  parentPort.postMessage("busy");
});
