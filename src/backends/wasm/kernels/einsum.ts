import * as tf from '../../tf.js';

/** Einstein's summation over one or two tensors, no letter twice in one of them; by matMul. */
export function einsum(tensors: tf.Tensor[], equation: string): tf.Tensor {
  const [left, output = ''] = equation.replace(/\s/g, '').split('->') as [string, string?];
  const terms = left.split(',');
  if (terms.length !== tensors.length || terms.length > 2) {
    throw new Error(`einsum: '${equation}' does not fit ${tensors.length} tensors (one or two)`);
  }
  terms.forEach((term, i) => {
    if (new Set(term).size !== term.length || term.length !== tensors[i]!.rank) {
      throw new Error(`einsum: term '${term}' does not fit a tensor of rank ${tensors[i]!.rank}`);
    }
  });
  const size: Record<string, number> = {};
  terms.forEach((term, i) => {
    for (const [axis, letter] of [...term].entries()) {
      const length = tensors[i]!.shape[axis]!;
      size[letter] ??= length;
      if (size[letter] !== length) throw new Error(`einsum: '${letter}' has two sizes`);
    }
  });
  const [a, b = ''] = terms as [string, string?];
  if ([...output].some((letter) => !(letter in size)) || new Set(output).size !== output.length) {
    throw new Error(`einsum: the output '${output}' of '${equation}' is not made of letters of the input`);
  }
  // What only one tensor has and the output lacks is summed there first.
  const reduced = terms.map((term, i) => {
    const others = output + terms.filter((_, j) => j !== i).join('');
    const summed = [...term].filter((letter) => !others.includes(letter));
    const axes = summed.map((letter) => term.indexOf(letter));
    return axes.length > 0 ? tensors[i]!.sum(axes) : tensors[i]!;
  });
  const kept = terms.map((term, i) => {
    const others = output + terms.filter((_, j) => j !== i).join('');
    return [...term].filter((letter) => others.includes(letter));
  });
  const arranged = (i: number, letters: string[]): tf.Tensor =>
    reduced[i]!.transpose(letters.map((letter) => kept[i]!.indexOf(letter)));
  if (terms.length === 1) return arranged(0, [...output]);

  const both = [...a].filter((letter) => b.includes(letter));
  const batch = both.filter((letter) => output.includes(letter));
  const summed = both.filter((letter) => !output.includes(letter));
  const rows = kept[0]!.filter((letter) => !b.includes(letter));
  const columns = kept[1]!.filter((letter) => !a.includes(letter));
  const count = (letters: string[]): number => tf.util.sizeFromShape(letters.map((letter) => size[letter]!));
  const left3 = arranged(0, [...batch, ...rows, ...summed]).reshape([
    count(batch),
    count(rows),
    count(summed),
  ]);
  const right3 = arranged(1, [...batch, ...summed, ...columns]).reshape([
    count(batch),
    count(summed),
    count(columns),
  ]);
  const letters = [...batch, ...rows, ...columns];
  return tf
    .matMul(left3, right3)
    .reshape(letters.map((letter) => size[letter]!))
    .transpose([...output].map((letter) => letters.indexOf(letter)));
}
