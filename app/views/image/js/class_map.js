// Where on the image a class is read off: every concept's map times the weight of the class.
import { mapOf } from "../../../widgets/js/codes.js";

export const CLASS_MAP = "class map";
const CLASS_ABOUT = {
  mean: "Every concept's map times its weight for the class, added up: the mean over patches is what the concepts add to the logit",
  cls: "Every concept's map times its weight for the class, added up. Scores of this bank are read from the CLS token, so it does not add up to the logit",
  max: "Every concept's map times its weight for the class, added up. Scores of this bank are largest values of maps, so it does not add up to the logit",
};

// Logits a patch; `codes` as unpackCodes gives them, weights class by class.
export function classMap(codes, weights, y, { n, nTokens }) {
  const out = new Float64Array(nTokens);
  for (let k = 0; k < n; k += 1) {
    const weight = weights[y * n + k];
    if (weight === 0) continue;
    mapOf(codes, k).forEach((value, t) => { out[t] += weight * value; });
  }
  return out;
}

// Beside the stored saliency maps, always last; [] where no head is chosen.
export function classLayers({ codes, weights, scores, grid, classes, pool }, y) {
  if (weights === null || !classes.length) return [];
  const map = classMap(codes, weights, y, { n: scores.length, nTokens: grid[0] * grid[1] });
  return [{ method: CLASS_MAP, title: CLASS_MAP, map, grid, signed: true, unit: "logits", cls: classes[y].name, about: CLASS_ABOUT[pool] }];
}
