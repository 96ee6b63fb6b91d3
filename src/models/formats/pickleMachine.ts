import { TruecastError } from '../../support/errors.js';
import { Dict, Global, kindOf, List, type PickleValue, Tuple } from './pickleValues.js';

/** What a pickle may name and call. Whatever is not here is refused. */
export interface PickleRules {
  /** Names of modules' members that may stand in the pickle. */
  known: (name: string) => boolean;
  /** What a call of a known name gives; undefined: it may not be called. */
  call: (name: string, args: readonly PickleValue[]) => PickleValue | undefined;
  /** What a persistent id stands for. */
  persistent: (id: PickleValue) => unknown;
}

/** Containers and calls of one pickle. A state dict has some ten a tensor. */
const MOST_OBJECTS = 2 ** 20;
const DEEPEST_STACK = 2 ** 20;

/** Where a tuple, list or dict begins on the stack. */
const MARK = Symbol('mark');

/** The stack and memo of a pickle that is being interpreted, and where in its bytes that is. */
export class PickleMachine {
  private at = 0;
  private op = 0;
  private objects = 0;
  private readonly stack: (PickleValue | typeof MARK)[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    private readonly bytes: Buffer,
    readonly rules: PickleRules,
    private readonly where: string,
  ) {}

  opcode(): number {
    this.op = this.at;
    return this.unsigned(1);
  }

  protocol(version: number): void {
    if (version < 2 || version > 5) throw this.refused(`pickle protocol ${version}`);
  }

  stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== 'string' || typeof name !== 'string') throw this.bad('a global without a name');
    this.global(`${module}.${name}`);
  }

  global(name: string): void {
    if (!this.rules.known(name)) throw this.refused(JSON.stringify(name.slice(0, 200)).slice(1, -1));
    this.make(new Global(name));
  }

  reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof Global)) throw this.refused(`a call of ${kindOf(callee)}`);
    if (!(args instanceof Tuple)) throw this.bad(`${callee.name} is called with ${kindOf(args)}`);
    const result = this.rules.call(callee.name, args.items);
    if (result === undefined) throw this.refused(`a call of ${callee.name}`);
    this.make(result);
  }

  /** PyTorch gives a state dict one attribute, `_metadata`, the versions of its modules: of no use here. */
  build(): void {
    const [target, state] = this.popMany(2);
    const names = state instanceof Dict ? [...state.entries.keys()] : [];
    if (!(target instanceof Dict && target.ordered) || names.length !== 1 || names[0] !== '_metadata')
      throw this.refused(`opcode 0x62 (BUILD) on ${kindOf(target)}`);
    this.push(target);
  }

  append(items: PickleValue[]): void {
    const list = this.top();
    if (!(list instanceof List)) throw this.bad(`items are appended to ${kindOf(list)}`);
    for (const item of items) list.items.push(item);
  }

  setItems(items: PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict)) throw this.bad(`items of a dict are set in ${kindOf(dict)}`);
    if (items.length % 2 !== 0) throw this.bad('a key without its value');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (typeof key !== 'string' && typeof key !== 'number') throw this.bad(`${kindOf(key)} as a key`);
      if (dict.entries.has(key))
        throw this.bad(`the key ${JSON.stringify(key).slice(0, 200)} twice in a dict`);
      dict.entries.set(key, items[i + 1]!);
    }
  }

  /** Without an index: the next one. */
  remember(index = this.memo.size): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.bad(`memo ${index} is empty`);
    this.push(value);
  }

  push(value: PickleValue): void {
    this.place(value);
  }

  mark(): void {
    this.marks.push(this.stack.length);
    this.place(MARK);
  }

  private place(value: PickleValue | typeof MARK): void {
    if (this.stack.length >= DEEPEST_STACK) throw this.bad(`a stack of more than ${DEEPEST_STACK} items`);
    this.stack.push(value);
  }

  make(value: PickleValue): void {
    if (++this.objects > MOST_OBJECTS) throw this.bad(`more than ${MOST_OBJECTS} objects`);
    this.push(value);
  }

  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.bad('an empty stack');
    return value as PickleValue;
  }

  pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  popMany(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.pop());
    return values.reverse();
  }

  popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.bad('no mark on the stack');
    const items = this.stack.splice(mark);
    items.shift();
    return items as PickleValue[];
  }

  take(count: number): Buffer {
    if (count > this.bytes.length - this.at) throw this.bad('it is cut off');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  unsigned(count: number): number {
    return this.take(count).readUIntLE(0, count);
  }

  /** A little-endian integer in two's complement. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    if (length > 0 && bytes[length - 1]! & 0x80) value -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    return this.take(length).toString('utf8');
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.bad('it is cut off');
    const line = this.bytes.toString('utf8', this.at, end);
    this.at = end + 1;
    return line;
  }

  bad(what: string): TruecastError {
    return new TruecastError(
      `${this.where}: damaged pickle at byte ${this.op}: ${what}`,
      'copy the file again; take weights only from where you trust it',
    );
  }

  refused(what: string): TruecastError {
    return new TruecastError(
      `${this.where}: ${what} is refused (byte ${this.op} of the pickle)`,
      'take weights from where you trust it, as safetensors where it has some; nothing of this file was run',
    );
  }
}
