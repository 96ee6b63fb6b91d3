import { test } from 'vitest';
import { writeTinyProject } from '../helpers/tinyModels.js';
test('x', () => { writeTinyProject('/tmp/p', 'wasm'); });
