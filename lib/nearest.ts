/** What was probably meant by a mistyped word. Pure. */

/** The candidate that is most like `word`, if one is like enough to have been meant. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const length = Math.max(word.length, candidate.length);
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const isNear = distance <= Math.max(1, Math.floor(length / 3)) && distance < length;
    // Of two that are as near, the one of the same letters: `form` is `from` before it is `for`.
    const isBetter = distance < bestDistance || (distance === bestDistance && isAnagram(word, candidate));
    if (isNear && isBetter && candidate !== word) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function isAnagram(a: string, b: string): boolean {
  const letters = (word: string): string => [...word.toLowerCase()].sort().join("");
  return letters(a) === letters(b);
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
