// Icons as SVG elements, drawn on a field of 24 by 24. Knows nothing else. An icon is decoration: its button carries the name.

const SVG = "http://www.w3.org/2000/svg";

// Each is a list of paths; one that begins with "*" is filled.
const PATHS = {
  lyre: ["M6 3v9a6 6 0 0 0 12 0V3", "M6 3C4 3 3 4 3 5.500M18 3c2 0 3 1 3 2.500", "M6 7h12M10 7v10.500M14 7v10.500M12 18v3M8.500 21h7"],
  start: ["M4 11l8-7 8 7", "M6 9.500V20h12V9.500M10 20v-6h4v6"],
  train: ["M3 19h18", "M4 5c3 9 8 11.500 16 12"],
  compose: ["M9 18V5l11-2v13", "*M9 18a3 2.500 0 1 1-6 0 3 2.500 0 0 1 6 0zM20 16a3 2.500 0 1 1-6 0 3 2.500 0 0 1 6 0z"],
  keep: ["M6 4v10a3 3 0 0 0 3 3h6", "M6 9h9", "M15 6.500a2.500 2.500 0 1 0 5 0 2.500 2.500 0 0 0-5 0zM15 17a2.500 2.500 0 1 0 5 0 2.500 2.500 0 0 0-5 0z"],
  play: ["*M7 4.500v15l12.500-7.500z"],
  pause: ["*M6.500 5h3.500v14H6.500zM14 5h3.500v14H14z"],
  stop: ["*M6 6h12v12H6z"],
  cancel: ["M6 6l12 12M18 6L6 18"],
  check: ["M4.500 12.500l5 5 10-11"],
  plus: ["M12 5v14M5 12h14"],
  back: ["M14.500 5l-7 7 7 7"],
  next: ["M9.500 5l7 7-7 7"],
  sun: ["M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400"],
  moon: ["M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z"],
  folder: ["M3 7.500V18a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V9.500a2 2 0 0 0-2-2h-7l-2-3H5a2 2 0 0 0-2 2z"],
  upload: ["M12 16V4M7 8.500L12 4l5 4.500", "M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"],
  download: ["M12 4v12M7 11.500l5 4.500 5-4.500", "M4 17v1a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-1"],
  star: ["M12 3.500l2.600 5.500 6 .8-4.400 4.200 1.100 6L12 17.100 6.700 20l1.100-6L3.400 9.800l6-.8z"],
  starred: ["*M12 3.500l2.600 5.500 6 .8-4.400 4.200 1.100 6L12 17.100 6.700 20l1.100-6L3.400 9.800l6-.8z"],
  edit: ["M4 20l1-4.500L16.500 4l3.500 3.500L8.500 19z"],
  trash: ["M4 6.500h16M9.500 6V4h5v2M6.500 6.500l1 13.500h9l1-13.500M10.500 10.500v6M13.500 10.500v6"],
  undo: ["M8.500 5L4 9.500 8.500 14", "M4 9.500h10a5.500 5.500 0 0 1 0 11h-3"],
  redo: ["M15.500 5L20 9.500 15.500 14", "M20 9.500H10a5.500 5.500 0 0 0 0 11h3"],
  loop: ["M17 3l3.500 3.500L17 10", "M20.500 6.500H8a4.500 4.500 0 0 0-4.500 4.500M7 21l-3.500-3.500L7 14", "M3.500 17.500H16a4.500 4.500 0 0 0 4.500-4.500"],
  search: ["M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM15.500 15.500L20.500 20.500"],
  words: ["M5 5h14M5 10h14M5 15h9M5 20h6"],
  piano: ["M4 4h16v16H4zM9.300 4v16M14.700 4v16", "*M7.800 4h3v9h-3zM13.200 4h3v9h-3z"],
  more: ["*M5 10.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3zM12 10.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3zM19 10.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3z"],
};

// An <svg> of one of the names above.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const path of PATHS[name] ?? []) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path.replace("*", ""));
    if (path.startsWith("*")) line.setAttribute("class", "solid");
    svg.append(line);
  }
  return svg;
}
