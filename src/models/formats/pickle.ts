import { PickleMachine, type PickleRules } from './pickleMachine.js';
import { Dict, List, Persistent, type PickleValue, Tuple } from './pickleValues.js';

/**
 * Interprets a pickle (protocols 2 to 5) as data: plain values, containers, and calls of what `rules` knows. No
 * Python is involved and nothing is ever looked up by name. What it takes of memory is a small multiple of
 * `bytes`.
 *
 * @throws TruecastError that names the file and the opcode, byte or global which is refused
 */
export function unpickle(bytes: Buffer, rules: PickleRules, where: string): PickleValue {
  const machine = new PickleMachine(bytes, rules, where);
  for (let code = machine.opcode(); code !== STOP; code = machine.opcode()) {
    const action = OPCODES.get(code);
    if (action === undefined) {
      const name = REFUSED[code];
      const hex = `0x${code.toString(16).padStart(2, '0')}`;
      throw machine.refused(`opcode ${hex}${name === undefined ? '' : ` (${name})`}`);
    }
    action(machine);
  }
  return machine.pop();
}

const STOP = 0x2e;

/** The opcodes of Python's pickletools that state dicts are made of. */
const OPCODES = new Map<number, (m: PickleMachine) => void>([
  [0x80, (m) => m.protocol(m.unsigned(1))], // PROTO
  [0x95, (m) => void m.take(8)], // FRAME: its length only helps who reads from a pipe
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.unsigned(1))], // BININT1
  [0x4d, (m) => m.push(m.unsigned(2))], // BININT2
  [0x4a, (m) => m.push(m.take(4).readInt32LE())], // BININT
  [0x8a, (m) => m.push(m.long(m.unsigned(1)))], // LONG1
  [0x47, (m) => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.unsigned(4)))], // BINUNICODE
  [0x8c, (m) => m.push(m.text(m.unsigned(1)))], // SHORT_BINUNICODE
  [0x28, (m) => m.mark()], // MARK
  [0x29, (m) => m.make(new Tuple([]))], // EMPTY_TUPLE
  [0x85, (m) => m.make(new Tuple(m.popMany(1)))], // TUPLE1
  [0x86, (m) => m.make(new Tuple(m.popMany(2)))], // TUPLE2
  [0x87, (m) => m.make(new Tuple(m.popMany(3)))], // TUPLE3
  [0x74, (m) => m.make(new Tuple(m.popToMark()))], // TUPLE
  [0x5d, (m) => m.make(new List())], // EMPTY_LIST
  [0x7d, (m) => m.make(new Dict(false))], // EMPTY_DICT
  [0x61, (m) => m.append(m.popMany(1))], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x73, (m) => m.setItems(m.popMany(2))], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS
  [0x71, (m) => m.remember(m.unsigned(1))], // BINPUT
  [0x72, (m) => m.remember(m.unsigned(4))], // LONG_BINPUT
  [0x94, (m) => m.remember()], // MEMOIZE
  [0x68, (m) => m.recall(m.unsigned(1))], // BINGET
  [0x6a, (m) => m.recall(m.unsigned(4))], // LONG_BINGET
  [0x63, (m) => m.global(`${m.line()}.${m.line()}`)], // GLOBAL
  [0x93, (m) => m.stackGlobal()], // STACK_GLOBAL
  [0x51, (m) => m.make(new Persistent(m.rules.persistent(m.pop())))], // BINPERSID
  [0x52, (m) => m.reduce()], // REDUCE
  [0x62, (m) => m.build()], // BUILD
]);

/** The others' names, for messages. */
const REFUSED: Record<number, string> = {
  48: 'POP',
  49: 'POP_MARK',
  50: 'DUP',
  66: 'BINBYTES',
  67: 'SHORT_BINBYTES',
  70: 'FLOAT',
  73: 'INT',
  76: 'LONG',
  80: 'PERSID',
  83: 'STRING',
  84: 'BINSTRING',
  85: 'SHORT_BINSTRING',
  86: 'UNICODE',
  100: 'DICT',
  103: 'GET',
  105: 'INST',
  108: 'LIST',
  111: 'OBJ',
  112: 'PUT',
  129: 'NEWOBJ',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  139: 'LONG4',
  141: 'BINUNICODE8',
  142: 'BINBYTES8',
  143: 'EMPTY_SET',
  144: 'ADDITEMS',
  145: 'FROZENSET',
  146: 'NEWOBJ_EX',
  150: 'BYTEARRAY8',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
};
