/** What stands for whoever talks to the character, where a statement mentions them. */
const USER: Record<string, string> = { en: 'the user', zh: '用户', ja: 'ユーザー' };

export interface MacroValues {
  char: string;
  user: string;
}

export function userName(language: string): string {
  return USER[language.split('-')[0]!] ?? USER.en!;
}

/** The text with {{char}}, {{user}} and their old spellings <BOT>, <CHAR>, <USER> resolved; others stay. */
export function resolveMacros(text: string, { char, user }: MacroValues): string {
  const named = text.replace(/\{\{\s*char\s*\}\}|<(?:bot|char)>/gi, () => char);
  return named.replace(/\{\{\s*user\s*\}\}|<user>/gi, (_, at: number) => {
    // "the user" at the beginning of a sentence
    const first = /(^|[.!?\n]\s*)$/.test(named.slice(Math.max(0, at - 3), at));
    return first ? user.charAt(0).toUpperCase() + user.slice(1) : user;
  });
}

/** A macro that only a chat can resolve, {{random:a,b}} say. */
export function openMacro(text: string): string | undefined {
  return /\{\{[^{}]{0,200}\}\}?/.exec(text)?.[0];
}
