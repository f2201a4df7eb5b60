// Tables for the tests of the command line.

import { random } from "../support/numbers.js";

/** A table of 120 rows: a and b on scales far apart, and the number 3 a - b / 500 + 10 or whether it is above 10. */
export function table(label: "number" | "class"): string {
  const next = random(4);
  const rows = Array.from({ length: 120 }, () => {
    const [a, b] = [next() * 2 - 1, 1000 * next() + 5000];
    const value = 3 * a - b / 500 + 10;
    return `${a},${b},${label === "number" ? value : value > -1 ? "high" : "low"}`;
  });
  return ["a,b,result", ...rows, ""].join("\n");
}

/** A record of the rents: two numbers, a label that needs quotes in CSV, and what follows from them. */
export interface Rent {
  readonly id: number;
  readonly area: number;
  readonly rooms: number;
  readonly town: string;
  readonly rent: number;
}

const TOWNS: Readonly<Record<string, number>> = { north: 0, "south, old": 200, 'mid "x"': 400 };

/** 200 rents: 8 area + 50 rooms + what the town adds, and noise of +-10. */
export function rents(): Rent[] {
  const next = random(11);
  const towns = Object.keys(TOWNS);
  return Array.from({ length: 200 }, (_, id) => {
    const [area, rooms] = [20 + Math.round(1300 * next()) / 10, 1 + Math.floor(6 * next())];
    const town = towns[Math.floor(towns.length * next())] as string;
    const rent = Math.round(8 * area + 50 * rooms + (TOWNS[town] as number) + 20 * next() - 10);
    return { id, area, rooms, town, rent };
  });
}

/** The input that a model of rents is given, before it is scaled: towns in the order of their code units. */
export const rentInput = ({ area, rooms, town }: Rent): number[] => [
  area,
  rooms,
  ...['mid "x"', "north", "south, old"].map((label) => Number(label === town)),
];

export function rentsCsv(rows: readonly Rent[]): string {
  const lines = rows.map(
    ({ id, area, rooms, town, rent }) => `${id},${area},${rooms},"${town.replaceAll('"', '""')}",${rent}`,
  );
  return ["id,area,rooms,town,rent", ...lines, ""].join("\n");
}

export const rentsJsonl = (rows: readonly Rent[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");
