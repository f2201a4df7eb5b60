// A device without memory, which runs nothing: it counts what a recording or an optimizer would allocate on a real one.

import type { DeviceInfo, MemoryStats, NativeBuffer, NativeDevice, NativeProgram } from "../native/native.js";
import { Device } from "./device.js";

const INFO: DeviceInfo = {
  kind: "cpu",
  index: 0,
  name: "none: memory is counted, not allocated",
  capability: "",
  memoryBytes: 0,
  threads: 0,
  precisions: ["f32", "bf16"],
  unavailable: "",
};

class DryDevice implements NativeDevice {
  #live = 0;
  #peak = 0;

  info(): DeviceInfo {
    return { ...INFO };
  }

  memory(): MemoryStats {
    return { live: this.#live, reserved: 0, peak: this.#peak, limit: 0 };
  }

  alloc(bytes: number): NativeBuffer {
    this.#live += bytes;
    this.#peak = Math.max(this.#peak, this.#live);
    const dispose = (): void => {
      this.#live -= bytes; // DeviceBuffer calls it once
    };
    return { bytes: () => bytes, dispose };
  }

  program(): NativeProgram {
    return { run: (_, done) => done(undefined, new ArrayBuffer(0)), dispose: () => {} };
  }

  submit(): void {}
  write(): void {}
  stage(): void {}
  unstage(): void {}

  read(
    _buffer: NativeBuffer,
    _offset: number,
    bytes: number,
    done: Parameters<NativeDevice["read"]>[3],
  ): void {
    done(undefined, new ArrayBuffer(bytes));
  }

  sync(done: Parameters<NativeDevice["sync"]>[0]): void {
    done(undefined, undefined);
  }

  reset(): void {}
  close(): void {}
}

/** A device that counts in `memory()` what would be allocated, and does nothing else. */
export function dryDevice(): Device {
  return Device.over(new DryDevice());
}
