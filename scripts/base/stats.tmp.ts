import { worldCharacter, worldText } from './world/index.js';
import { naiveBayesAccuracy } from '../../test/base/naiveBayes.js';
const cs = Array.from({length: 600}, (_, i) => worldCharacter(i + 1000));
const L = ['entailed','neutral','contradicted'] as const;
const bad: [string, RegExp][] = [['art', /\ba (?!eu|one|uni[^n]|us[eu]|ukul)[aeiou]/i],['an', /\ban (?!hour|honest|heir|honour)[^aeiou8\W1]/i],['dd', /\b(a|an|the|my|his|her|your) (a|an|the|my|his|her|your) /i],['dup', /\b(\w+) \1\b/i],['pl', /\b(one|a) \w+s years\b/]];
const seen = new Set<string>();
for (const c of cs) for (const t of [...c.statements.map(s=>s.text), ...c.queries.flatMap(q=>[q.text,...L.map(l=>q[l].text)])]) for (const [n,r] of bad) { const m = r.exec(t); if (m && !seen.has(n+m[0])) { seen.add(n+m[0]); console.log(n, '|', m[0], '|', t); } }
const rows = cs.map(c => c.queries.flatMap(q => L.map(l => ({label: l, words: c.language==='zh' ? [...q[l].text] : q[l].text.toLowerCase().match(/[\p{L}\d'-]+/gu)! }))));
for (const n of [100,200,300,400,500]) console.log('NB', n, naiveBayesAccuracy(rows.slice(0,n).flat(), rows.slice(500).flat()));
for (const l of L) { const w = cs.filter(c=>c.language==='en').flatMap(c=>c.queries.map(q=>q[l].text.split(' ').length)); console.log(l, w.reduce((a,b)=>a+b)/w.length, w.filter(x=>x>=8&&x<=28).length/w.length); }
const qs = cs.flatMap(c=>c.queries);
console.log('queries', qs.length, new Set(qs.map(q=>q.text)).size, 'resp', qs.length*3, new Set(qs.flatMap(q=>L.map(l=>q[l].text))).size, 'active>1', qs.filter(q=>q.active.length>1).length/qs.length);
const kinds = new Map<string,number>(); for (const c of cs) for (const s of c.statements) kinds.set(s.attribute,(kinds.get(s.attribute)??0)+1); console.log([...kinds].sort((a,b)=>a[1]-b[1]).map(x=>x.join(':')).join(' '));
