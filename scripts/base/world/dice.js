import { randomKey, uniformAt } from '../../../src/support/random.js';
/** A stream of random choices under a key. */
export class Dice {
    key;
    count = 0;
    constructor(...path) {
        this.key = randomKey('world', ...path);
    }
    uniform() {
        return uniformAt(this.key, this.count++);
    }
    chance(probability) {
        return this.uniform() < probability;
    }
    /** From `low` to `high`, both included. */
    integer(low, high) {
        return low + Math.floor(this.uniform() * (high - low + 1));
    }
    pick(items) {
        if (items.length === 0)
            throw new Error('nothing to pick from');
        return items[Math.floor(this.uniform() * items.length)];
    }
    weighted(items, weightOf) {
        const total = items.reduce((sum, item) => sum + weightOf(item), 0);
        let rest = this.uniform() * total;
        for (const item of items) {
            rest -= weightOf(item);
            if (rest < 0)
                return item;
        }
        return items[items.length - 1];
    }
    shuffle(items) {
        const copy = [...items];
        for (let i = copy.length - 1; i > 0; i--) {
            const j = this.integer(0, i);
            [copy[i], copy[j]] = [copy[j], copy[i]];
        }
        return copy;
    }
}
//# sourceMappingURL=dice.js.map