// Which devices the device suite runs on: the CPU, or what ADASTEP_TEST_DEVICES names ("cpu,cuda").

import { Device } from "../../lib/index.js";

/** The names that the suite runs on. */
export const deviceNames: readonly string[] = (process.env.ADASTEP_TEST_DEVICES ?? "cpu").split(",");

/** Describes the same tests once per device; `device()` is open while they run. */
export function onEachDevice(title: string, tests: (device: () => Device) => void): void {
  for (const name of deviceNames) {
    describe(`${title} [${name}]`, () => {
      let device: Device | undefined;
      before(async () => {
        device = await Device.open(name);
      });
      after(() => device?.dispose());
      tests(() => {
        if (!device) throw new Error("the device is not open yet");
        return device;
      });
    });
  }
}
