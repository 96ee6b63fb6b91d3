// The one place that imports TensorFlow.js. (`@tensorflow/tfjs`, not its core alone: the core registers no gradients.)
export * from '@tensorflow/tfjs';
