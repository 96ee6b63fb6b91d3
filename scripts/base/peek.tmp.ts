import { worldCharacter, worldText } from './world/index.js';
const seeds = process.argv.slice(2).map(Number);
for (const s of seeds) { const c = worldCharacter(s); console.log(c.name, c.language); for (const x of c.statements) console.log(' ', x.id, x.attribute, '|', x.text);
 for (const q of c.queries) { console.log(q.id, q.active.join(','), q.text); for (const l of ['entailed','neutral','contradicted'] as const) console.log('    ', l[0], q[l].text, JSON.stringify([q[l].entails,q[l].contradicts])); }
 console.log(worldText(s)); }
