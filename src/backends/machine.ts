import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

/** What a run may use here. Sizes in bytes. */
export interface MachineFacts {
  platform: string;
  arch: string;
  node: string;
  processor: string;
  /** Logical processors of the machine. */
  cores: number;
  /** Those that this process may run on. */
  usableCores: number;
  memoryTotal: number;
  memoryFree: number;
  /** Limits of the container, where it has any: processors as a number such as 1.5. */
  limitCores?: number;
  limitMemory?: number;
  /** Vector instructions that matter for speed; empty where they cannot be read. */
  vectorInstructions: string[];
}

export function machineFacts(): MachineFacts {
  const processors = cpus();
  const limitCores = coreLimit();
  const limitMemory = memoryLimit();
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.version,
    processor: processors[0]?.model.trim() || 'unknown',
    cores: processors.length,
    usableCores: availableParallelism(),
    memoryTotal: totalmem(),
    memoryFree: freemem(),
    ...(limitCores === undefined ? {} : { limitCores }),
    ...(limitMemory === undefined ? {} : { limitMemory }),
    vectorInstructions: vectorInstructions(),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function coreLimit(): number | undefined {
  const [quota, period] =
    textOf('/sys/fs/cgroup/cpu.max')?.split(' ') ??
    ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => textOf(`/sys/fs/cgroup/cpu/${file}`));
  const cores = Number(quota) / Number(period);
  return cores > 0 ? cores : undefined;
}

function memoryLimit(): number | undefined {
  const bytes = Number(
    textOf('/sys/fs/cgroup/memory.max') ?? textOf('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
  );
  // Without a limit it says 'max', or a number near 2^63.
  return bytes > 0 && bytes < totalmem() ? bytes : undefined;
}

function vectorInstructions(): string[] {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(textOf('/proc/cpuinfo') ?? '')?.[1] ?? '';
  return flags
    .split(' ')
    .filter((flag) =>
      /^(?:avx|avx2|fma|f16c|avx512f|avx512bw|avx512_(?:bf16|vnni)|amx.*|asimd.*|sve.*)$/.test(flag),
    );
}
