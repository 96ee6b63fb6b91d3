import type { LoraConfig } from './config.js';

/** Names on a hub, which model cards may refer to: owner/name. */
const HUB_NAME = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

export interface CardFacts {
  title: string;
  base: string;
  /** Sentences on where it comes from. */
  origin: readonly string[];
}

/** The README.md of a PEFT folder: what a hub reads of it, and what people do. */
export function modelCard(
  { rank, alpha, rslora, dora }: LoraConfig,
  { title, base, origin }: CardFacts,
): string {
  const known = HUB_NAME.test(base);
  const tags = [...(known ? [`base_model:adapter:${base}`] : []), 'lora', 'truecast'];
  const scaling = rslora ? ', rank-stabilised' : '';
  return `---
${known ? `base_model: ${base}\n` : ''}library_name: peft
pipeline_tag: text-generation
tags:
${tags.map((tag) => `- ${JSON.stringify(tag)}`).join('\n')}
---

# ${title}

A ${dora ? 'DoRA' : 'LoRA'} adapter of \`${base}\` (rank ${rank}, alpha ${alpha}${scaling}). ${origin.join(' ')}

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(base)})
model = PeftModel.from_pretrained(base, "path/to/this/folder")
\`\`\`
`;
}
