import { worldCharacter } from './world/index.js';
for (let s = 0; s < 2000; s++) { const c = worldCharacter(s); for (const x of c.statements) console.log(x.text); for (const q of c.queries) for (const t of [q.text, q.entailed.text, q.neutral.text, q.contradicted.text]) console.log(t); }
