import type { Language } from '../language.js';
import { type Setting, type Temper, tempers } from '../types.js';
import { chineseKinds } from './kinds.js';
import { feminine, masculine, surnames } from './pools.js';

/** Chinese pools don't depend on where and when a character lives. */
const anywhere: Setting = {
  id: 'anywhere',
  modern: false,
  years: [900, 2000],
  jobs: [],
  dwellings: [],
  vehicles: [],
};

const pronouns = {
  f: { he: '她', his: '她的', him: '她', himself: '自己' },
  m: { he: '他', his: '他的', him: '他', himself: '自己' },
};

const colour: Record<Temper, readonly string[]> = {
  brusque: [
    '把门关上。',
    '话不说第二遍。',
    '没事就走吧。',
    '绳子递给我。',
    '别踩那块板。',
    '信不信由你。',
    '问这么多做什么。',
    '水还没开呢。',
    '站着说话不腰疼。',
    '就这些。',
    '少盯着我看。',
    '我还有活要干。',
    '路在那边。',
    '这有什么好问的。',
    '小心脚下的桶。',
    '记住了就别再问。',
  ],
  chatty: [
    '来来来，坐下说。',
    '这话说起来可长了。',
    '你吃了没有？',
    '街坊们都知道这事。',
    '你先喝口热的。',
    '哎，我又多嘴了。',
    '昨天集上可热闹了。',
    '你听我慢慢讲。',
    '你这张脸看着就亲切。',
    '王婆听了笑得直拍腿。',
    '改天带你娘一块儿来。',
    '我一说起来就停不住。',
    '你可别嫌我啰嗦。',
    '外头风大，往里坐。',
    '这事还有下半截呢。',
    '瓜子在盘里，自己抓。',
  ],
  formal: [
    '此事说来话长，容后再叙。',
    '还请多多包涵。',
    '承蒙您过问。',
    '请恕我直言。',
    '此话句句属实。',
    '您请上座。',
    '不敢有半句虚言。',
    '若有不便，还望见谅。',
    '在下记得清清楚楚。',
    '茶已备好，请用。',
    '此事不足为外人道。',
    '您远道而来，辛苦了。',
    '一切依礼而行。',
    '容我想一想再细说。',
    '这是应当说明的。',
    '请代我问候府上。',
  ],
  childish: [
    '你看，我能单脚站！',
    '这是秘密哦。',
    '你有糖吗？',
    '我跑得可快了！',
    '你猜猜看嘛。',
    '拉钩，不许告诉大人。',
    '墙上的小猪不是我画的。',
    '轮到我问你了！',
    '哈哈，你脸上有饭粒。',
    '我说的都是真的！',
    '我们去看蚂蚁好不好？',
    '大人总问这个。',
    '下次我带你去树洞。',
    '你的帽子好高呀。',
    '我会背一首诗，要听吗？',
    '快点快点，天要黑了。',
  ],
  poetic: [
    '风从檐下走过。',
    '月色落在杯里。',
    '往事像水上的字。',
    '雨声替我说了一半。',
    '灯影摇摇，话也慢了。',
    '花开花落，不过如此。',
    '远处有人在吹笛。',
    '一叶落，秋就来了。',
    '山不说话，云替它说。',
    '夜深了，星星都听着。',
    '说到这里，茶也凉了。',
    '旧时光像一封没寄的信。',
    '心里的灯还亮着。',
    '路长，影子更长。',
    '雪落无声，人也无声。',
    '水流过石头，什么也没留下。',
  ],
};

const openers: Record<Temper, readonly string[]> = {
  brusque: ['哼。', '行。', '听着。', '好吧。', '嗯。'],
  chatty: ['哎呀！', '你可问着了。', '来，我告诉你。', '嗨！', '说起这个呀。'],
  formal: ['不敢当。', '承问。', '自然。', '请听我说。', '实不相瞒。'],
  childish: ['嘿！', '嘻嘻。', '我知道！', '哇！', '嗯嗯。'],
  poetic: ['唉。', '你听。', '是啊。', '慢慢说吧。', '问得好。'],
};

const closers: Record<Temper, readonly string[]> = {
  brusque: ['完了。', '走吧。', '就这样。', '懂了吗？'],
  chatty: ['你说是不是？', '你呢？', '好笑吧？', '再坐会儿？'],
  formal: ['多谢。', '告辞。', '见笑了。', '请。'],
  childish: ['哈哈！', '你呢？', '该你了！', '完啦！'],
  poetic: ['如此而已。', '随它去吧。', '你说呢？', '罢了。'],
};

export const chinese: Language = {
  code: 'zh',
  kinds: chineseKinds,
  topicFrames: [
    '说说{t}吧。',
    '我想听听{t}。',
    '能讲讲{t}吗？',
    '大家都在猜{t}，到底怎样？',
    '临走前再问一句，{t}？',
    '我一直好奇{t}。',
    '有人托我打听{t}。',
    '我这本子上还缺{t}。',
    '你从来不提{t}，为什么？',
    '关于{t}，你怎么说？',
    '孩子问起{t}，你怎么答？',
    '快说说{t}，我等着呢。',
  ],
  jointFrames: [
    '说说{t}，还有{u}。',
    '我想知道两件事：{t}，{u}。',
    '先讲{t}，再讲{u}，好吗？',
    '有人问起{t}和{u}，我都答不上来。',
    '我要给你写小传，还缺{t}和{u}。',
    '客人想听{t}，也想听{u}。',
  ],
  groupQueries: {
    family: ['说说你的家里人吧。', '你身边都有谁？', '你家里热闹吗？'],
    home: ['说说你的来处和住处。', '你在哪里生，在哪里住？', '地图上，哪些地方跟你有关？'],
    food: ['今晚请你吃饭，我该知道些什么？', '吃的喝的，你有什么讲究？', '掌柜的问你的口味。'],
    people: ['说说你认识的人。', '你生命里要紧的人是谁？', '谁帮过你，谁害过你？'],
    day: ['你一天怎么过？', '说说你平常的日子。', '从早到晚，你都做什么？'],
    self: ['你是个怎样的人？', '向大家介绍一下自己吧。', '我不认识你，你是谁？'],
  },
  scenes: [
    '雨下个不停。',
    '我倒了两杯茶。',
    '火边很暖和。',
    '天快黑了。',
    '别人都回去了。',
    '你看起来有点累。',
    '我走了很远的路来的。',
    '渡船还没来，正好说说话。',
    '我是新来的。',
    '灯快灭了。',
    '我带了点心给你。',
    '别生我的气。',
  ],
  colour,
  openers,
  closers,
  gap: '',
  person: (dice) => {
    const gender = dice.chance(0.5) ? 'f' : 'm';
    const given = dice.pick(gender === 'f' ? feminine : masculine);
    const full = dice.pick(surnames) + given;
    const child = dice.chance(0.12);
    return {
      full,
      short: dice.chance(0.5) ? full : given,
      first: given,
      gender,
      pronouns: pronouns[gender],
      child,
      temper: child ? 'childish' : dice.pick(tempers),
      setting: anywhere,
    };
  },
  address: (query, name, dice) => (dice.chance(0.5) ? `${name}，${query}` : `${name}！${query}`),
};
