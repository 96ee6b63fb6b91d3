import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
await tf.setBackend('wasm'); await tf.ready();
const be=tf.backend(); const w=be.wasm;
console.log(Object.keys(w).filter(k=>!/^dynCall|^_[a-z]/.test(k)).join(' ').slice(0,1500));
console.log('asm', w.asm && Object.entries(w.asm).filter(([k,v])=>v instanceof WebAssembly.Memory).map(x=>x[0]), w.wasmMemory, typeof w._BatchMatMul, typeof w._malloc);
function bench(name,flop,f){ for(let i=0;i<3;i++)f(); let n=1,t; for(;;){const s=performance.now(); for(let i=0;i<n;i++)f(); t=performance.now()-s; if(t>150)break; n*=2;} console.log(name.padEnd(40),(t/n*1000).toFixed(0).padStart(8)+'us',(flop*n/t/1e6).toFixed(2)+' GFLOP/s'); }
const R=(...s)=>tf.randomNormal(s);
{const a=R(512,128),b=R(128,512),bt=R(512,128),at=R(128,512);
const F=2*512*512*128;
bench('stock plain cached',F,()=>a.matMul(b).dispose());
bench('stock plain fresh b',F,()=>{const c=b.add(0);a.matMul(c).dispose();c.dispose()});
bench('add only',F,()=>{const c=b.add(0);c.dispose()});
bench('stock tB',F,()=>a.matMul(bt,false,true).dispose());
bench('stock tA',F,()=>at.matMul(b,true,false).dispose());
bench('transpose only',F,()=>bt.transpose().dispose());
}
{const a=R(32,64,32),b=R(32,32,64),F=2*32*64*64*32;
bench('stock batched',F,()=>a.matMul(b).dispose());
bench('stock batched tB',F,()=>a.matMul(a,false,true).dispose());
bench('transpose 021',F,()=>b.transpose([0,2,1]).dispose());
// subtensor
const shp=w._malloc(64); 
const run=(sub)=>{ const out=be.makeOutput([32,64,64],'float32'); const o=be.dataIdMap.get(out.dataId).memoryOffset, ao=be.dataIdMap.get(a.dataId).memoryOffset, bo=be.dataIdMap.get(b.dataId).memoryOffset;
 const H=new Int32Array(w.HEAPU8.buffer,shp,8); H.set([1,64,32,1,32,64]);
 for(let i=0;i<32;i++){ const ia=be.dataIdNextNumber++,ib=be.dataIdNextNumber++,io=be.dataIdNextNumber++; 
  w._register_tensor(ia,2048,ao+i*8192);w._register_tensor(ib,2048,bo+i*8192);w._register_tensor(io,4096,o+i*16384);
  w._BatchMatMul(ia,shp,3,ib,shp+12,3,0,0,io);
  w._dispose_data(ia);w._dispose_data(ib);w._dispose_data(io);
 } return out; };
const x=run(); const ref=a.matMul(b); const got=tf.engine().makeTensorFromTensorInfo(x); console.log('err',got.sub(ref).abs().max().dataSync()[0]);
bench('sub xnn batched',F,()=>be.disposeData(run().dataId));
}
console.log(w.HEAPU8.buffer.byteLength);
{const a=R(1,640),b=R(640,2048);bench('row',2*640*2048,()=>a.matMul(b).dispose()); const bt=R(2048,640); bench('row tB',2*640*2048,()=>a.matMul(bt,false,true).dispose());}
