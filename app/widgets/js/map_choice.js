// The choice of a colour map, in every overlay's controls; nothing to choose, nothing shown.
import { keepMap, mapName, mapsFor } from "./colour.js";
import { choice } from "./dom.js";
import { COLOUR_MAPS } from "./palette.js";

// `maps` as chosenMaps gives them; picked(maps) gets them with the new choice in.
export function mapChoice(signed, maps, picked) {
  const names = mapsFor(signed);
  if (names.length < 2) return null;
  return choice(signed ? "Colours of signed maps" : "Colours", names.map((name) => [name, COLOUR_MAPS[name].title]),
    mapName(signed, maps), (name) => picked(keepMap(signed, name)));
}
