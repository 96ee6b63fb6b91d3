import { scriptStretches } from '../../data/text.js';
import { ANTONYMS, NUMERALS, OPENERS, PLACES, SCENES } from './chineseWords.js';
import {
  type Cues,
  cuedQuestions,
  type Draw,
  distinct,
  type LanguageRules,
  otherNumber,
  sharesCue,
  swapAntonym,
} from './rules.js';
import { anywhere, chunks, type StatementRules, statementsOf, substitute, topicTerms } from './unspaced.js';

const STATEMENTS: StatementRules = {
  pronoun: /^[他她它](?!们)/u,
  of: '的',
  nameLabel: /^(?:名称|姓名|名字|全名)$/u,
  shortest: 6,
  longest: 120,
};

function firstPerson(name: string, statement: string): string {
  const said = substitute(name, statement, '我')
    .replace(/(?<![吉其])[他她](?!们|人|乡|国)/gu, '我')
    .replace(/我(?:的)?我/gu, '我');
  return said.includes('我') ? said : `说到我，${said}`;
}

const PLACE = /(?<=在|于)[\p{Script=Han}·]{2,6}?(?=出生|生活|居住|长大|工作|去世|[，。、])/gu;

function contradiction(name: string, statement: string, draw: Draw): string {
  const said = firstPerson(name, statement);
  const digits = /\d{1,4}/.exec(said)?.[0];
  const numeral = new RegExp(`[${NUMERALS}](?=[岁年个名位只本次天])`, 'u').exec(said)?.[0];
  const place = said.match(PLACE)?.[0];
  const changes = [
    () => swapAntonym(said, ANTONYMS, anywhere),
    () => digits && said.replace(digits, otherNumber(digits, draw)),
    () => {
      const others = [...NUMERALS].filter((one) => one !== numeral);
      return numeral && said.replace(numeral, draw.pick(others));
    },
    () => place && said.replace(place, draw.pick(PLACES.filter((one) => !said.includes(one)))),
  ];
  for (const change of draw.order(changes)) {
    const changed = change();
    if (changed && changed !== said) return changed;
  }
  return negated(said);
}

function negated(said: string): string {
  const changes: [RegExp, string][] = [
    [/不是/u, '是'],
    [/没有/u, '有'],
    [/从不|从来不/u, '总是'],
    [/(?<![不就总还正])是(?![否非])/u, '不是'],
    [/(?<![没只所])有(?!时|名|些)/u, '没有'],
    [/(?<![不存现])在/u, '不在'],
    [/我(会|能|想|喜欢|爱|住|知道|可以|认为|希望)/u, '我不$1'],
    [/我(?![的们])/u, '我从来没有'],
  ];
  const found = changes.find(([cue]) => cue.test(said));
  return found ? said.replace(...found) : `并不是这样：${said}`;
}

const CUES: Cues = [
  [/出生|诞生|生于/u, ['你是什么时候、在哪里出生的？', '能说说你的出生吗？']],
  [/住|居/u, ['你住在哪里？', '你住的地方是什么样子的？']],
  [/岁|年龄/u, ['你今年多大了？', '能问问你的年纪吗？']],
  [/父|母|姐|妹|哥|弟|兄|妻|丈夫|儿子|女儿|家人|家庭/u, ['你家里有些什么人？', '说说你的家人吧？']],
  [/喜欢|爱|喜爱|热爱/u, ['你最喜欢什么？', '什么会让你高兴？']],
  [/讨厌|害怕|恨|怕/u, ['你讨厌什么？', '有什么让你害怕吗？']],
  [/工作|职业|担任|任职/u, ['你是做什么的？', '你靠什么谋生？']],
  [/写|著|作曲|创作|发表|出版|画/u, ['你有哪些作品？', '你写过什么？']],
  [/学校|大学|学习|老师|教/u, ['你是跟谁学的？', '你在哪里学习过？']],
  [/死|去世|逝世|葬/u, ['后来的结局怎么样？', '人们怎么说你的死？']],
  [/因为|由于|所以/u, ['那是为什么呢？', '原因是什么？']],
  [/能力|会|能够|可以/u, ['你有什么本事？', '你会做什么？']],
  [/朋友|好友|同伴/u, ['你有什么朋友？', '你信任谁？']],
];

const BOUNDARY = /[\p{P}\s]|[的了是在和与于也都就着过得地把被给从到对为之其这那他她它我你]/u;

function queries(name: string, statement: string, count: number, draw: Draw): string[] {
  const year = /\d{3,4}(?=年)/.exec(statement)?.[0];
  const specific = [
    ...cuedQuestions(CUES, statement, draw),
    ...(year ? [draw.pick([`${year}年你在做什么？`, `${year}年发生了什么事？`])] : []),
  ];
  const general = chunks(substitute(name, statement, '，'), BOUNDARY).flatMap((topic) =>
    draw.order([
      `能跟我说说${topic}吗？`,
      `关于${topic}，你有什么要说的？`,
      `我听人提起${topic}，是真的吗？`,
      `${topic}对你来说意味着什么？`,
    ]),
  );
  return distinct([...specific.slice(0, 2), ...general, ...MORE], count);
}

/** For statements that leave nothing to ask about. */
const MORE = ['能说说你自己吗？', '你的事情我知道得太少，能多讲一些吗？', '别人是怎么说你的？'];

export const chinese: LanguageRules = {
  space: '',
  statements: (name, paragraph) => statementsOf(name, paragraph, STATEMENTS),
  queries,
  firstPerson,
  contradiction,
  openers: OPENERS,
  scene(draw) {
    const [where, what, does, how] = SCENES.map((words) => draw.pick(words));
    return `瞧，${where}有${how}的${what}正${does}呢。`;
  },
  topics: (name, text) => topicTerms(scriptStretches(substitute(name, text, '，')), STOPS),
  negations: (text) =>
    (text.match(/不(?!过|但|仅|久)|没|未(?!来)|无(?!论)|别(?!人|的)|非(?!常)/gu) ?? []).length,
  asksFor: (statement, query) => sharesCue(CUES, statement, query),
  antonyms: ANTONYMS,
  whole: anywhere,
  names: PLACE,
};

const STOPS =
  /[的了是在和与于也都就着过得地把被给从到对为之其这那有我你他她它们吗呢吧啊什么怎样哪里谁能跟说关听起来要不没很最]/u;
