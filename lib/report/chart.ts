// A chart as a description, and how the optional package echarts draws it: as SVG, without a browser.

import type { EChartsOption, SeriesOption } from "echarts";
import { optionalPackage } from "../data/peer.js";
import { bytesText } from "../train/text.js";

type ECharts = typeof import("echarts");

/** How numbers of an axis are written. */
export type Unit = "number" | "bytes" | "percent";

/** An axis: what it shows, with its unit. */
export interface Axis {
  readonly name: string;
  readonly unit?: Unit;
  readonly log?: boolean;
  /** Whether it begins at 0; default: where the values begin. */
  readonly zero?: boolean;
}

/** A curve of a chart. Values that are not finite leave a gap. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Index into the palette; default: the place in the chart. */
  readonly color?: number;
  /** `faint` is a curve behind another of the same color; `marks` are points alone; `reference` is a level to compare with. */
  readonly style?: "line" | "dashed" | "faint" | "marks" | "warning" | "reference";
  /** What is written at each point. */
  readonly labels?: readonly string[];
}

/** A chart. */
export interface Chart {
  readonly title: string;
  /** What is to be seen, in a sentence. */
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
  /** Whether there is a legend. Default: if there are several curves. */
  readonly legend?: boolean;
}

/** Colors that remain apart for those who do not see all of them (Okabe & Ito 2008), dark enough on white. */
const PALETTE = [
  "#0072b2",
  "#d55e00",
  "#007f5f",
  "#aa3377",
  "#8a6d00",
  "#3d8fc4",
  "#555555",
  "#7a3e9d",
  "#a63d40",
  "#2f6f3e",
];
const INK = "#1f2328";
const SOFT = "#59636e";
const GRID = "#e6e8eb";
const WIDTH = 560;
const HEIGHT = 320;
/** Width of a character of a legend: without a browser echarts takes wide fonts for narrow ones. */
const CHARACTER = 7;
const SYMBOLS = ["circle", "rect", "triangle", "diamond"];
const LABEL = { show: true, position: "top", color: INK, fontSize: 12 } as const;
/** Curves of at most so many points show each of them. */
const FEW = 40;

/** A number for people, short. */
export function numberText(value: number, unit: Unit = "number"): string {
  if (unit === "bytes") return bytesText(value).replace(".0 ", " ");
  if (unit === "percent") return `${trim(100 * value, 4)} %`;
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e6) return `${trim(value / 1e3, 4)}k`;
  if (size >= 1e6 && size < 1e12) return size < 1e9 ? `${trim(value / 1e6, 4)}M` : `${trim(value / 1e9, 4)}G`;
  if (size >= 1e-3 && size < 1e4) return trim(value, 4);
  return value
    .toExponential(2)
    .replace(/\.?0+e/, "e")
    .replace("e+", "e");
}

const trim = (value: number, digits: number): string => String(Number(value.toPrecision(digits)));

/** Draws charts. @throws UnavailableError (rejects) naming the line that installs echarts, if it is not there */
export async function chartDrawer(owner: string): Promise<(chart: Chart) => string> {
  const echarts = await optionalPackage(owner, "echarts", () => import("echarts"));
  return (chart) => draw(echarts, chart);
}

function draw(echarts: ECharts, chart: Chart): string {
  const drawing = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    drawing.setOption(optionOf(chart));
    return drawing.renderToSVGString();
  } finally {
    drawing.dispose(); // its timers would keep the process alive
  }
}

function optionOf({ x, y, curves, legend = false }: Chart): EChartsOption {
  const named = curves.filter(({ style }) => style !== "faint");
  const shown = legend || named.length > 1 || named.some(({ style }) => style === "reference");
  const width = named.reduce((sum, { name }) => sum + CHARACTER * name.length + 58, 0);
  const rows = shown ? Math.ceil(width / (WIDTH - 70)) : 0;
  return {
    animation: false,
    color: PALETTE,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "system-ui, sans-serif", color: INK },
    legend: {
      show: shown,
      data: named.map(({ name }) => name),
      ...{ left: 60, right: 0, top: 0, itemWidth: 22, itemHeight: 9, itemGap: 26 },
      textStyle: { color: INK, fontSize: 12.5 },
    },
    grid: { left: 72, right: 26, top: 16 + 25 * rows, bottom: 50 },
    xAxis: axisOption(x, "x", extentOf(curves, 0, x)),
    yAxis: axisOption(y, "y", extentOf(curves, 1, y)),
    series: curves.map((curve, i) => curveOption(curve, i, { x, y })),
  };
}

/** The extent of the values that can be shown. */
function extentOf(curves: readonly Curve[], place: 0 | 1, { log }: Axis): [number, number] | undefined {
  const values = curves.flatMap(({ points }) => points.map((point) => point[place]));
  const fit = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (fit.length === 0) return undefined;
  const least = fit.reduce((a, b) => Math.min(a, b));
  return [least, fit.reduce((a, b) => Math.max(a, b))];
}

function axisOption(axis: Axis, place: "x" | "y", extent: readonly [number, number] | undefined) {
  const { name, unit, log = false, zero = false } = axis;
  return {
    type: log ? ("log" as const) : ("value" as const),
    name,
    nameLocation: "middle" as const,
    nameGap: place === "x" ? 30 : 54,
    nameTextStyle: { color: INK, fontSize: 13 },
    scale: place === "y" && !zero,
    ...limitsOf(axis, place, extent ?? [1, 1]),
    axisLine: { show: place === "x", lineStyle: { color: SOFT } },
    axisLabel: {
      ...{ color: SOFT, fontSize: 12, hideOverlap: true },
      // The end of a curve is no round number.
      ...(place === "x" && !log && unit !== "bytes" && { showMaxLabel: false }),
      formatter: (value: number) => numberText(value, unit),
    },
    splitLine: { show: place === "y", lineStyle: { color: GRID } },
  };
}

/** Where an axis begins and ends: whole decades, whole powers of 2 for bytes, and from 0 to the last step. */
function limitsOf({ unit, log }: Axis, place: "x" | "y", [low, high]: readonly [number, number]) {
  if (log) {
    const [min, max] = [Math.floor(Math.log10(low) + 1e-9), Math.ceil(Math.log10(high) - 1e-9)];
    return { min: 10 ** min, max: 10 ** Math.max(max, min + 1) };
  }
  if (unit === "bytes") {
    const interval = 2 ** Math.ceil(Math.log2(Math.max(high, 4) / 4));
    return { min: 0, max: interval * Math.ceil((1.05 * high) / interval), interval };
  }
  return place === "x" ? { min: Math.min(0, low), max: high } : {};
}

function curveOption(curve: Curve, place: number, { x, y }: { x: Axis; y: Axis }): SeriesOption {
  const { name, points, style = "line", labels } = curve;
  const index = curve.color ?? place;
  const color =
    style === "warning" ? "#c1121f" : style === "reference" ? SOFT : (PALETTE[index % PALETTE.length] ?? INK);
  const fits = (value: number, { log }: Axis): boolean => Number.isFinite(value) && (!log || value > 0);
  const data = points.map(([px, py], i) => ({
    value: [px, fits(px, x) && fits(py, y) ? py : "-"],
    ...(labels && { label: { ...LABEL, formatter: labels[i] ?? "" } }),
  }));
  const symbol =
    style === "warning" ? "triangle" : (SYMBOLS[Math.floor(index / PALETTE.length) % 4] ?? "circle");
  if (style === "marks" || style === "warning") {
    return {
      type: "scatter",
      name,
      data,
      symbol,
      symbolSize: style === "warning" ? 10 : 9,
      itemStyle: { color },
    };
  }
  const dash = style === "dashed" || style === "reference" ? ("dashed" as const) : ("solid" as const);
  const few = points.length <= FEW && style !== "faint" && style !== "reference";
  return {
    ...{ type: "line", name, data, symbol, showSymbol: few, symbolSize: 5, silent: true },
    lineStyle: {
      color,
      width: style === "faint" ? 1 : 1.8,
      opacity: style === "faint" ? 0.3 : 1,
      type: dash,
    },
    itemStyle: { color },
  } as SeriesOption;
}
