// The ops that this library adds to TensorFlow, each with a kernel per device in cpu/ and cuda/.
//
// Tensors are dense and row-major. An optional input or output that is absent is a tensor of no elements, [0].
// Rows: all dimensions but the last, flattened. Every output is written (=); what is added to (+=) says so.
// A key seeds the counter-based random numbers of cpu/random.h: element i of a dropout mask depends on the key
// and i alone, as in src/support/random.ts.

#include "op.h"

namespace truecast {

const std::vector<Definition>& definitions() {
  static const std::vector<Definition> all = {
      // y = x / sqrt(mean(x²) + epsilon) · (offset + weight) + residual, over the last axis
      // x, y, residual?: [..., D]; weight: [D]
      {"TruecastRmsNorm",
       {"x: float", "weight: float", "residual: float"},
       {"y: float"},
       {"epsilon: float", "offset: float"}},
      // dx as x; dweight: [D], absent unless weight_gradient
      {"TruecastRmsNormGrad",
       {"dy: float", "x: float", "weight: float"},
       {"dx: float", "dweight: float"},
       {"epsilon: float", "offset: float", "weight_gradient: bool"}},

      // s = dropout(x, rate, key) + residual; y = (s − mean(s)) / sqrt(var(s) + epsilon) · weight + bias
      // x, y, residual?: [..., D]; weight, bias: [D]; key?: [1], with rate 0 absent
      {"TruecastLayerNorm",
       {"x: float", "weight: float", "bias: float", "residual: float", "key: int32"},
       {"y: float"},
       {"epsilon: float", "rate: float"}},
      // dresidual: absent where residual is; dweight, dbias: [D], absent unless weight_gradient
      {"TruecastLayerNormGrad",
       {"dy: float", "x: float", "weight: float", "residual: float", "key: int32"},
       {"dx: float", "dresidual: float", "dweight: float", "dbias: float"},
       {"epsilon: float", "rate: float", "weight_gradient: bool"}},

      // Adds a bias to every row, in place: a product that nobody else holds. +=: rows [..., D]; bias: [D]; done: []
      {"TruecastAddBias", {"rows: float", "bias: float"}, {"done: int32"}, {}},

      // x · Φ(x) by erf, or its tanh approximation
      {"TruecastGelu", {"x: float"}, {"y: float"}, {"tanh: bool"}},
      {"TruecastGeluGrad", {"dy: float", "x: float"}, {"dx: float"}, {"tanh: bool"}},
      // gelu(gate) · up
      {"TruecastGeglu", {"gate: float", "up: float"}, {"y: float"}, {"tanh: bool"}},
      {"TruecastGegluGrad",
       {"dy: float", "gate: float", "up: float"},
       {"dgate: float", "dup: float"},
       {"tanh: bool"}},

      // y = x · cos + rotate(x) · sin, rotate([a, b]) = [−b, a]; inverse: the gradient, rotate([a, b]) = [b, −a] of x · sin
      // x, y: [B, T, H, d]; cos, sin: [B | 1, T, d]
      {"TruecastRope", {"x: float", "cos: float", "sin: float"}, {"y: float"}, {"inverse: bool"}},

      // x · mask / (1 − rate); its own gradient
      {"TruecastDropout", {"x: float", "key: int32"}, {"y: float"}, {"rate: float"}},

      // softmax(scale · q kᵀ, softly capped, masked) v. Query t of T is key S − T + t of S. Query and key see each
      // other where both segments are at least 0, segment/3 is the same, the key's segment is a multiple of 3 or the
      // query's own; with `causal` the key is not later than the query; with window > 0 the query's position exceeds
      // the key's by less than window. A query that sees nothing gives 0.
      // q, y: [B, T, H, d]; k, v: [B, S, G, d], query head h reads key-value head h·G/H; segments: [B, S];
      // positions?: [B, S], with a window; key?: [1], with rate > 0; element ((b·H + h)·T + t)·S + s of the mask
      // lse: [B, H, T], log Σ exp of the scores that are seen (−inf: none). cap 0: no cap; window 0: none.
      {"TruecastAttention",
       {"q: float", "k: float", "v: float", "segments: int32", "positions: int32", "key: int32"},
       {"y: float", "lse: float"},
       {"scale: float", "cap: float", "causal: bool", "window: int", "rate: float"}},
      {"TruecastAttentionGrad",
       {"dy: float", "q: float", "k: float", "v: float", "segments: int32", "positions: int32", "key: int32",
        "y: float", "lse: float"},
       {"dq: float", "dk: float", "dv: float"},
       {"scale: float", "cap: float", "causal: bool", "window: int", "rate: float"}},

      // DeBERTa: the score of query i on key j is
      //   scale · (q_i·k_j + q_i·relative_keys[c2p[i − j + T − 1]] + k_j·relative_queries[p2c[i − j + T − 1]])
      // q, k, v, y: [B, T, H, d]; relative_keys?, relative_queries?: [R, H, d]; c2p?, p2c?: [2T − 1] (absent with
      // their table); segments: [B, T], −1 for padding; key and mask as in attention; lse: [B, H, T]
      {"TruecastDisentangledAttention",
       {"q: float", "k: float", "v: float", "relative_keys: float", "relative_queries: float", "c2p: int32",
        "p2c: int32", "segments: int32", "key: int32"},
       {"y: float", "lse: float"},
       {"scale: float", "rate: float"}},
      {"TruecastDisentangledAttentionGrad",
       {"dy: float", "q: float", "k: float", "v: float", "relative_keys: float", "relative_queries: float",
        "c2p: int32", "p2c: int32", "segments: int32", "key: int32", "y: float", "lse: float"},
       {"dq: float", "dk: float", "dv: float", "drelative_keys: float", "drelative_queries: float"},
       {"scale: float", "rate: float"}},

      // Writes rows into a cache that stays: cache[b, at + t] = rows[b, t]. +=: cache is changed in place.
      // cache: [B, C, G, d]; rows: [B, T, G, d]; at: [1]; done: []
      {"TruecastCacheWrite", {"cache: float", "rows: float", "at: int32"}, {"done: int32"}, {}},

      // y = x Wᵀ + bias + scale · (x aᵀ) bᵀ, W [out, in] in one of the formats
      //   float32   weight float [out, in]
      //   bfloat16  weight bfloat16 [out, in]
      //   int8      weight int8 [out, in], W = weight · absmax, absmax float [out]
      //   nf4       weight int32, the packing of src/ops/nf4.ts, with absmax float [blocks] or, doubly quantised,
      //             absmax int32 with nested_code, nested_absmax and nested_offset
      // x: [N, in]; bias?: [out]; a?: [r, in]; b?: [out, r]; y: [N, out]; inner: [N, r], x aᵀ for the backward pass.
      // precision: float32, or bfloat16 products summed in float32 (GPU)
      {"TruecastLinear",
       {"x: float", "weight: W", "bias: float", "absmax: S", "nested_code: float", "nested_absmax: float",
        "nested_offset: float", "a: float", "b: float"},
       {"y: float", "inner: float"},
       {"W: {float, bfloat16, int8, int32}", "S: {float, int32}", "format: string", "out: int", "scale: float",
        "precision: string"}},
      // dx = dy W + scale · (dy b) a; da = scale · (dy b)ᵀ x; db = scale · dyᵀ inner. W is frozen.
      {"TruecastLinearGrad",
       {"dy: float", "x: float", "weight: W", "absmax: S", "nested_code: float", "nested_absmax: float",
        "nested_offset: float", "a: float", "b: float", "inner: float"},
       {"dx: float", "da: float", "db: float"},
       {"W: {float, bfloat16, int8, int32}", "S: {float, int32}", "format: string", "in: int", "scale: float",
        "precision: string", "x_gradient: bool"}},

      // Eight-bit products on integer dot-product instructions: each row of x is quantised to int8 by its largest
      // magnitude. weight int8 [out, in], absmax float [out] (W = weight · absmax), bias?: [out]; x: [N, in]
      {"TruecastInt8Linear",
       {"x: float", "weight: int8", "absmax: float", "bias: float"},
       {"y: float"},
       {}},

      // log softmax(cap(hidden · Wᵀ))[target], in chunks: [N, V] never exists. W [V, D] as in TruecastLinear.
      // hidden: [N, D]; targets: [N]; log_probs: [N]; slope: [N, D], the derivative of each row's log-probability
      // by its hidden state, absent unless with_slope: dhidden = dlog_probs · slope
      {"TruecastTokenLogProbs",
       {"hidden: float", "weight: W", "absmax: float", "targets: int32"},
       {"log_probs: float", "slope: float"},
       {"W: {float, bfloat16, int8}", "cap: float", "with_slope: bool"}},

      // Mean of −log softmax(logits)[label] over rows whose label is not negative; dlogits for a gradient of 1.
      // logits: [N, C]; labels: [N]; loss: []; dlogits: [N, C]
      {"TruecastCrossEntropy", {"logits: float", "labels: int32"}, {"loss: float", "dlogits: float"}, {}},

      // One step of AdamW over all tensors, in place (+=: parameters, m, v). step: [4 · n], per tensor
      // learning rate / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), 1 − learning rate · decay, and the factor that clips the gradient.
      // 32 bits: m and v are float, shaped as the parameter. done: []
      {"TruecastAdamw",
       {"parameters: n * float", "gradients: n * float", "m: n * float", "v: n * float", "step: float"},
       {"done: int32"},
       {"n: int", "beta1: float", "beta2: float", "epsilon: float"}},
      // 8 bits: m and v are uint8, codes of the dynamic map of bitsandbytes (m signed, v unsigned) by blocks of 256,
      // with their absmax [blocks]
      {"TruecastAdamw8bit",
       {"parameters: n * float", "gradients: n * float", "m: n * uint8", "v: n * uint8", "m_absmax: n * float",
        "v_absmax: n * float", "m_code: float", "v_code: float", "step: float"},
       {"done: int32"},
       {"n: int", "beta1: float", "beta2: float", "epsilon: float"}},
      // √Σ of all squares; tensors: any shapes; norm: []
      {"TruecastGlobalNorm", {"tensors: n * float"}, {"norm: float"}, {"n: int"}},

      // One token per row: the likeliest with temperature 0, else drawn by inverting the cumulative distribution at u
      // among the k likeliest (k 0: all) whose likelier ones together stay below p.
      // logits: [B, V]; u: [B]; settings: [3], temperature, k, p; token: [B]
      {"TruecastSample", {"logits: float", "u: float", "settings: float"}, {"token: int32"}, {}},
  };
  return all;
}

}  // namespace truecast
