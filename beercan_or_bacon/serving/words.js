// A verdict in words. Both pages read this file: embed/ imports it, page.py puts it before page.js.

/** "neither", the one label, "both" of two classes, or "A and B" of more. */
export function verdictOf(present, labels) {
  if (present.length === 0) return "neither";
  if (present.length === 2 && labels.length === 2) return "both";
  return present.join(" and ");
}

/** "a", "a and b", "a, b and c" */
export function list(names) {
  return names.join(" and ").replace(/ and (?=.* and )/g, ", ");
}

/** How sure one yes or no is. @param {number} share the probability of the answer given, 0..1 */
export function level(share) {
  return share >= 0.95 ? "very sure" : share >= 0.8 ? "fairly sure" : "not very sure";
}

/**
 * How sure, in a sentence: of what is close, that it is; of the rest the least sure of the answers, one a class, or of
 * several that are there, each.
 * @param {{labels: string[], thresholds: number[], close: number[][]}} about
 * @param {number[]} shares a probability per label, 0..1
 */
export function sureness({ labels, thresholds, close }, shares) {
  const levels = shares.map((share, i) => level(share >= thresholds[i] ? share : 1 - share));
  const near = labels.filter((_, i) => close[i][0] <= shares[i] && shares[i] <= close[i][1]);
  const there = labels.flatMap((label, i) => (shares[i] >= thresholds[i] && !near.includes(label) ? [i] : []));
  const each = list(there.map((i) => `${levels[i]} about ${labels[i]}`));
  if (near.length && !there.length) return `A close call: ${list(near)} could go either way.`;
  if (near.length) return sentence(`${each}; ${list(near)} could go either way`);
  const least = ["not very sure", "fairly sure"].find((word) => levels.includes(word)) ?? "very sure";
  return sentence(new Set(there.map((i) => levels[i])).size > 1 ? each : least);
}

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;

/** Nothing is certain: 1 to 99. @param {number} share 0..1 */
export function percent(share) {
  return Math.min(99, Math.max(1, Math.round(100 * share)));
}
