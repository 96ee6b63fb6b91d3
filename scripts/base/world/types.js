/** The shapes that a world character shares with an authored one, and the shapes it is made from. */
export const tempers = ['brusque', 'chatty', 'formal', 'childish', 'poetic'];
/** A kind with a single variant, written without the list. */
export function kind(entry) {
    const { says, tells, weight, ...rest } = entry;
    return { ...rest, variants: [{ says, tells, ...(weight && { weight }) }] };
}
//# sourceMappingURL=types.js.map