// Auto MPG: how far a car goes on a gallon, and seven figures of it (UCI; npm package vega-datasets, cars.json).

import { fileURLToPath } from "node:url";
import { Dataset } from "../data/dataset.js";
import { readBytes } from "../data/files.js";
import { optionalPackage } from "../data/peer.js";
import { DataError, describe } from "../errors.js";

interface Car {
  readonly Miles_per_Gallon: number | null;
  readonly Cylinders: number;
  readonly Displacement: number;
  readonly Horsepower: number | null;
  readonly Weight_in_lbs: number;
  readonly Acceleration: number;
  /** `"1970-01-01"` */
  readonly Year: string;
  readonly Origin: string;
}

const ORIGINS = ["USA", "Europe", "Japan"];
const ACCEPTED = "Auto MPG as vega-datasets 3 has it";

/**
 * The 392 cars of which everything is known. x: f32 [9], as the file has it, where a car comes from as a 1 among zeros;
 * y: f32 [1], miles per gallon.
 * @throws UnavailableError (rejects) naming the line that installs vega-datasets; DataError for a file that holds something else
 */
export async function readCars(): Promise<Dataset<"x" | "y">> {
  const owner = "adastep compare: auto-mpg";
  // The functions of the package fetch from the network; its file is there.
  const main = await optionalPackage(owner, "vega-datasets", async () =>
    import.meta.resolve("vega-datasets"),
  );
  const file = fileURLToPath(new URL("../data/cars.json", main));
  return parse(file, Buffer.from(await readBytes(file, ACCEPTED)).toString("utf8"));
}

/** @throws DataError that names the file, for one that holds something else */
function parse(file: string, text: string): Dataset<"x" | "y"> {
  let cars: unknown;
  try {
    cars = JSON.parse(text);
  } catch (cause) {
    throw new DataError({ argument: file, got: describe(text), accepted: ACCEPTED }, { cause });
  }
  const known = (Array.isArray(cars) ? cars : []).filter(isKnown);
  const rows = known.map(figuresOf);
  if (known.length < 10 || !rows.flat().every(Number.isFinite))
    throw new DataError({ argument: file, got: `${known.length} cars`, accepted: ACCEPTED });
  return new Dataset({
    x: { data: Float32Array.from(rows.flat()), shape: [6 + ORIGINS.length] },
    y: { data: Float32Array.from(known, (car) => car.Miles_per_Gallon as number), shape: [1] },
  });
}

/** Whether everything that is missing of some cars is there. */
function isKnown(car: unknown): car is Car {
  const { Miles_per_Gallon: mileage, Horsepower: power, Year: year } = (car ?? {}) as Partial<Car>;
  return typeof mileage === "number" && typeof power === "number" && typeof year === "string";
}

function figuresOf(car: Car): number[] {
  const { Cylinders, Displacement, Horsepower, Weight_in_lbs, Acceleration, Year, Origin } = car;
  const numbers = [Cylinders, Displacement, Horsepower as number, Weight_in_lbs, Acceleration];
  return [...numbers, Number(Year.slice(0, 4)), ...ORIGINS.map((place) => Number(place === Origin))];
}
