/** Low-rank adapters (Hu et al. 2021), configured, named and stored as PEFT does. */
export interface LoraConfig {
  rank: number;
  alpha: number;
  dropout: number;
  /**
   * Which layers are adapted: last parts of their names (q_proj, mlp.up_proj), or one string: a regular
   * expression for whole names, or all-linear.
   */
  targetModules: string[] | string;
  /** Scale by alpha / √rank instead of alpha / rank (Kalajdzievski 2023). */
  rslora: boolean;
  /** Also train the length of each of the weight's rows (Liu et al. 2024). */
  dora?: boolean;
  /** Other ranks, alphas: by a regular expression for the last parts of layers' names; the first that fits counts. */
  rankPattern?: Record<string, number>;
  alphaPattern?: Record<string, number>;
  /** Layers that are left out though targetModules names them; as targetModules. */
  excludeModules?: string[] | string;
  /** Only blocks of these numbers, where targetModules is a list. */
  layersToTransform?: number[];
  /** What stands before a block's number; anything where not given. */
  layersPattern?: string[];
}

/** What the configuration comes to for one layer. */
export interface AdaptedLayer {
  rank: number;
  alpha: number;
  /** The factor of B A. */
  scale: number;
}
