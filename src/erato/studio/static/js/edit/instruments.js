// Instruments that a new track may have, by families: names for people, programs of General MIDI for the sound. Data only.

const FAMILIES = {
  Keys: { Piano: 0, "Electric piano": 4, Harpsichord: 6, Celesta: 8, Vibraphone: 11, "Church organ": 19, Accordion: 21 },
  Strings: { Violin: 40, Viola: 41, Cello: 42, "Double bass": 43, Strings: 48, Harp: 46 },
  "Guitars and basses": { "Nylon guitar": 24, "Steel guitar": 25, "Electric guitar": 27, "Acoustic bass": 32, "Electric bass": 33 },
  Wind: { Piccolo: 72, Flute: 73, Recorder: 74, Oboe: 68, "English horn": 69, Clarinet: 71, Bassoon: 70, "Alto sax": 65, "Tenor sax": 66 },
  Brass: { Trumpet: 56, Horn: 60, Trombone: 57, Tuba: 58 },
  Voices: { Choir: 52 },
  Percussion: { Drums: null, Timpani: 47 },
};

// [[family, [a track without notes, ...]], ...]
export const INSTRUMENTS = Object.entries(FAMILIES).map(([family, all]) => [
  family,
  Object.entries(all).map(([name, program]) => ({ name, program: program ?? 0, drums: program === null })),
]);
