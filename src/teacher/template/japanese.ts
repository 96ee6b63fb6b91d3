import { scriptStretches } from '../../data/text.js';
import { ANTONYMS, OPENERS, PLACES, SCENES } from './japaneseWords.js';
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
  pronoun: /^彼女?(?=[はがのを])/u,
  of: 'の',
  nameLabel: /^(?:名前|氏名|本名)$/u,
  shortest: 8,
  longest: 140,
};

function firstPerson(name: string, statement: string): string {
  const said = substitute(name, statement, '私').replace(/彼女?(?!ら|たち)/gu, '私');
  return said.includes('私') ? said : `私のことですが、${said}`;
}

const PLACE = /[\p{Script=Han}\p{Script=Katakana}ー]{2,8}(?=に住|で生まれ|に生まれ|で育|で暮ら)/gu;

function contradiction(name: string, statement: string, draw: Draw): string {
  const said = firstPerson(name, statement);
  const digits = /\d{1,4}/.exec(said)?.[0];
  const place = said.match(PLACE)?.[0];
  const changes = [
    () => swapAntonym(said, ANTONYMS, anywhere),
    () => digits && said.replace(digits, otherNumber(digits, draw)),
    () => place && said.replace(place, draw.pick(PLACES.filter((one) => !said.includes(one)))),
  ];
  for (const change of draw.order(changes)) {
    const changed = change();
    if (changed && changed !== said) return changed;
  }
  return negated(said);
}

function negated(said: string): string {
  const endings: [RegExp, string][] = [
    [/ではない。$/u, 'である。'],
    [/ではありません。$/u, 'です。'],
    [/ませんでした。$/u, 'ました。'],
    [/ません。$/u, 'ます。'],
    [/ました。$/u, 'ませんでした。'],
    [/ます。$/u, 'ません。'],
    [/でした。$/u, 'ではありませんでした。'],
    [/です。$/u, 'ではありません。'],
    [/だった。$/u, 'ではなかった。'],
    [/である。$/u, 'ではない。'],
    [/だ。$/u, 'ではない。'],
    [/(?:てい|でい)る。$/u, 'ていない。'],
    [/(?:てい|でい)た。$/u, 'ていなかった。'],
    [/した。$/u, 'しなかった。'],
    [/する。$/u, 'しない。'],
  ];
  const found = endings.find(([ending]) => ending.test(said));
  return found ? said.replace(...found) : said.replace(/[。！]?$/u, '、というのは本当ではない。');
}

const CUES: Cues = [
  [/生まれ|誕生|出生/u, ['いつ、どこで生まれましたか？', '生い立ちを聞かせてください。']],
  [/住|暮ら/u, ['どこに住んでいますか？', '住んでいる所はどんな所ですか？']],
  [/歳|年齢/u, ['おいくつですか？', '年を聞いてもいいですか？']],
  [/父|母|姉|妹|兄|弟|妻|夫|息子|娘|家族/u, ['家族はどんな人ですか？', '家族のことを教えてください。']],
  [/好き|好む|愛/u, ['何が一番好きですか？', 'どんな時に嬉しくなりますか？']],
  [/嫌い|恐れ|怖/u, ['何が嫌いですか？', '怖いものはありますか？']],
  [/仕事|職業|働/u, ['お仕事は何ですか？', '普段は何をしていますか？']],
  [/書|作曲|発表|出版|描|作品/u, ['どんな作品がありますか？', '何を作ってきましたか？']],
  [/学校|大学|学|教/u, ['誰に教わりましたか？', 'どこで学びましたか？']],
  [/死|亡|葬/u, ['最期はどうでしたか？', 'その後どうなりましたか？']],
  [/ため|から、|ので/u, ['それはなぜですか？', '理由は何ですか？']],
  [/能力|できる/u, ['何ができますか？', '得意なことは何ですか？']],
  [/友|仲間/u, ['友達は誰ですか？', '誰を信頼していますか？']],
];

const BOUNDARY = /[\p{P}\s]|[ぁ-ゖ]+/u;

function queries(name: string, statement: string, count: number, draw: Draw): string[] {
  const year = /\d{3,4}(?=年)/.exec(statement)?.[0];
  const specific = [
    ...cuedQuestions(CUES, statement, draw),
    ...(year ? [draw.pick([`${year}年には何がありましたか？`, `${year}年は何をしていましたか？`])] : []),
  ];
  const general = chunks(substitute(name, statement, '、'), BOUNDARY).flatMap((topic) =>
    draw.order([
      `${topic}について教えてください。`,
      `${topic}のことをどう思いますか？`,
      `${topic}の話を聞きましたが、本当ですか？`,
    ]),
  );
  return distinct([...specific.slice(0, 2), ...general, ...MORE], count);
}

/** For statements that leave nothing to ask about. */
const MORE = [
  'ご自分のことを話してくれますか？',
  'もっと詳しく聞かせてください。',
  '人はあなたを何と言いますか？',
];

const STOPS = /[ぁ-ゖ私何]/u;

export const japanese: LanguageRules = {
  space: '',
  statements: (name, paragraph) => statementsOf(name, paragraph, STATEMENTS),
  queries,
  firstPerson,
  contradiction,
  openers: OPENERS,
  scene(draw) {
    const [where, what, does, how] = SCENES.map((words) => draw.pick(words));
    return `ほら、${where}で${how}${what}が${does}いますよ。`;
  },
  topics: (name, text) => topicTerms(scriptStretches(substitute(name, text, '、')), STOPS),
  negations: (text) => (text.match(/ない|なかった|ません|ず(?=[、。に])/gu) ?? []).length,
  asksFor: (statement, query) => sharesCue(CUES, statement, query),
  antonyms: ANTONYMS,
  whole: anywhere,
  names: PLACE,
};
