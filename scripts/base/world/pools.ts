import { numberWords } from './grammar.js';

/**
 * Values in common words. Within a pool no two can both be true of one person; forms of the same value are
 * parted by "|". "my" and "me" in a value become "her" and "him" where a statement needs it.
 */

/** Entries are parted by commas or line breaks, since none contains a comma. */
const list = (text: string) =>
  text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Every first part with every second one. */
const product = (first: readonly string[], second: readonly string[], join = ' ') =>
  first.flatMap((a) => second.map((b) => `${a}${join}${b}`));

const range = (low: number, high: number) => Array.from({ length: high - low + 1 }, (_, i) => low + i);

const count = (n: number) => `${numberWords(n)}|${n}`;

const ageOf = (n: number) => {
  const ten = Math.floor(n / 10) * 10;
  const near =
    n % 10 === 0
      ? `one year past ${numberWords(n - 1)}`
      : n % 10 <= 5
        ? `${numberWords(n % 10)} ${n % 10 === 1 ? 'year' : 'years'} past ${numberWords(ten)}`
        : `${numberWords(10 - (n % 10))} ${n % 10 === 9 ? 'year' : 'years'} short of ${numberWords(ten + 10)}`;
  return `${count(n)};${near}`;
};

export const adultAges = range(19, 97).map(ageOf);
export const childAges = range(11, 16)
  .concat(range(6, 10))
  .map((n) => `${count(n)};${numberWords(n - 1)} and one more`);
export const counts = range(3, 40).map(count);
export const manyYears = range(3, 45).map(count);
export const yearsFrom = (low: number, high: number) => range(low, high).map(String);

export const towns = product(
  list(`Alder, Amber, Black, Bramble, Bright, Copper, Crow, Ember, Fern, Fox, Gold, Grey, Harrow, Hazel, Heron,
    Iron, Linden, Long, Mill, Moss, North, Old, Otter, Raven, Red, Salt, Silver, South, Stone, Swan, Thorn,
    White, Willow, Wind`),
  list('Bay, Bridge, Cross, Ferry, Field, Gate, Harbour, Hill, Lake, Port, Rock, Valley, Wells'),
);

export const foods = list(`
  buckwheat pancakes, plum jam|jam made of plums, onion soup|soup made of onions, fried eggs|eggs from the pan,
  roast chicken, goat cheese|cheese made from goat's milk, apple pie|pie filled with apples, lentil stew,
  salted herring, rice pudding, mushroom soup, pickled cabbage, honey cake, baked beans, lamb stew, potato salad,
  grilled sardines, black olives, chestnut bread, pumpkin soup, cherry tart, smoked eel, cold porridge,
  fish dumplings, fried noodles, stuffed peppers, garlic bread, raw carrots, boiled turnips, beetroot soup,
  liver sausage, blood oranges, fig rolls, spinach pie, crab cakes, sweet corn, barley broth, walnut cake,
  toasted cheese|cheese on toast, white radishes, boiled snails, chocolate mousse, coconut rice, peach crumble,
  cucumber sandwiches, roast duck, bitter melon, meatballs, chicken curry, almond biscuits, banana bread,
  pea soup, tomato soup, ginger cake, stewed rhubarb, mussels, oysters, tripe, marzipan, liquorice, omelettes,
  dumplings with chilli, dried apricots, tofu with ginger, rye bread with butter, trout with almonds, custard,
  cauliflower cheese, gooseberry jam, strawberry ice cream, seaweed salad, pickled eggs, sour plums, pea pancakes`);

export const drinks = list(`
  black coffee|coffee without milk, green tea, hot milk, ginger beer, apple juice, red wine, mint tea, cold water,
  hot chocolate|warm cocoa, lemonade, dark beer, buttermilk, plum brandy, elderflower water, rosehip tea,
  coconut water, rice wine, cherry juice, barley coffee, mead|honey wine, cider, tomato juice, rum with lime,
  sheep's milk, pine needle tea, chicory, goat's milk, orange juice, beetroot juice, nettle tea, salted tea,
  blackcurrant syrup, carrot juice, white wine, sparkling water, whisky, fennel tea, birch water, iced tea`);

export const animals = list(`
  cat, dog, goat, donkey, parrot, tortoise, hen, rabbit, ferret, raven, hedgehog, mule, owl, lizard, duck, goose,
  pony, hamster, canary, pig, mouse, rat, squirrel, snail, cricket, fox, otter, lamb, pigeon, peacock, llama,
  monkey, toad, snake, magpie, camel`);

export const petNames = list(`
  Button, Pepper, Biscuit, Thunder, Mister Brown, Pudding, Captain, Turnip, Duchess, Pickle, Ghost, Marble, Soot,
  Nutmeg, Tinker, Bishop, Clover, Domino, Gravel, Velvet, Rocket, Mustard, Whistle, Barnacle, Crumb, Feather,
  Ginger, Hobnail, Inkblot, Jumper, Kettle, Lantern, Moth, Noodle, Olive, Parsley, Queenie, Rascal, Saffron,
  Thimble, Umber, Vinegar, Waffle, Yarrow, Zigzag, Cobweb, Dumpling, Felt, Goblin, Hazelnut`);

export const instruments = list(`
  violin|fiddle, flute, harp, drum, trumpet, accordion|squeezebox, cello, lute, bagpipes, banjo, clarinet, organ,
  tin whistle, mandolin, trombone, zither, piano, guitar, oboe, tuba, viola, saxophone, recorder, hurdy-gurdy,
  mouth organ|harmonica, xylophone, ukulele, double bass`);

export const fears = list(`
  horses, deep water, thunder|thunderstorms, the dark|darkness, spiders, high places|heights, dogs, mirrors,
  crowds, fire, needles, snakes, wasps, ghosts, thin ice, lightning, dolls, owls, empty houses, bridges, clowns,
  geese, moths, tunnels, cellars, the open sea, bats, bulls, small rooms|tight spaces, scarecrows, blood,
  loud bells, rats, fog, wolves, ladders, caves, whirlpools, masks, the number thirteen, crows, blind alleys,
  old portraits, swans, beetles, strong wind, knives, earthquakes, toads, graveyards`);

/** Verb phrases: "I can …", "she never learned to …". */
export const skills = list(`
  swim, read music, whistle with two fingers, ride a horse, bake bread, tie a sailor's knot, juggle, dance, sew,
  skate, sing in tune, write backwards, climb a rope, light a fire in the rain, milk a cow, do long sums without paper,
  pick a lock, cook rice, knit, fold paper birds, throw a knife, draw a straight line, find north by the stars,
  speak in public, tell a good joke, ski, dive, shoot an arrow, catch fish by hand, sharpen a blade, mend a roof,
  plough a field, shuffle cards, row a boat, type with ten fingers, read a map, do handstands, wink, yodel,
  carve a spoon, fly a kite, play chess, forecast the weather, keep a secret, drive, spell long words,
  wrap a parcel, iron a shirt, remember faces, steer by the wind, imitate birds, read small print, carry a tune`);

/** Verb phrases that a habit completes. */
export const habits = list(`
  count every stair, hum at meals, tap door frames twice, talk to my shoes, sleep with a window open,
  chew on straws, bite my nails, polish spoons at night, fold every napkin, walk barefoot in the rain,
  sniff books before reading, save bits of string, crack my knuckles, whistle in the bath, write on my hands,
  eat the crust first, look under the bed, greet every cat, carry an umbrella in the sun, lock the door three times,
  draw in the margins, hide sweets in my sleeves, sing to the washing, sit with my back to the wall, stir tea with a pencil,
  quote my grandmother, keep my hat on indoors, read the last page first, wear odd socks, name the clouds,
  scratch my left ear, answer letters at once, pick up lost gloves, tell the bees the news, pace up and down,
  drum on the table, sharpen pencils all day, rub an old coin, smell my food first, wash apples twice,
  clean my glasses every hour, water plants at midnight, nod at the moon, leave one bite on the plate`);

/** What happened, as "X secretly …" and "I …". */
export const secrets = list(`
  burned down the old mill, stole the bishop's silver spoon, wrote my sister's love letters, cheated in the final exam,
  buried a tin of gold coins, broke the church window, let the prisoners go, forged the mayor's signature,
  sank my uncle's boat, poisoned the prize roses, read the neighbour's diary, hid a runaway soldier,
  sold the family ring, copied the winning poem, moved the boundary stone, ate the wedding cake,
  painted the white horse green, set the lions free, lost the school's only globe, changed the hands of the town clock,
  lied about my birthday, dropped the queen's crown, kept the letter from Rome, voted for my rival,
  took the blame for a theft, married a sailor for one week, slept in the museum, swapped the twins' cradles,
  cut down the oldest oak, learned to read from a thief, fed the general's dog a shoe, drank the holy water,
  tore a page from the great book, sent the ship the wrong way, dyed the river red, paid a rival to lose,
  stopped the factory for a day, planted the forged map, spent the orphans' money, found the missing bell,
  knocked over the statue, gave away the recipe, pretended to be a doctor, copied the jailer's key`);

/** Verb phrases: "wants to …". */
export const dreams = list(`
  open a small bakery, sail around the world, build a flying machine, write a book of songs, see a whale,
  buy back the family farm, learn to paint, plant a thousand trees, win the great race, meet a real bear,
  live in a lighthouse, walk across the desert, run a school for girls, find a lost city, own a red horse,
  sing in the opera, climb the highest mountain, grow a blue rose, become a judge, dig a deep well,
  travel by balloon, start a puppet theatre, breed silkworms, catch a comet on film, build a stone bridge,
  found a library, sleep under the northern lights, raise a team of dogs, cook for a king, cross the sea alone,
  discover a new star, make the perfect cheese, learn twelve languages, retire to an island, own a toy shop,
  restore an old windmill, invent a silent clock, ride a camel, visit the moon, keep bees on a roof,
  play the organ in a cathedral, make peace with an old enemy, swim across the channel, print my own newspaper`);

/** Clauses: "believes that …". */
export const beliefs = list(`
  the moon listens to prayers, bread tastes better when stolen, every river has a name of its own,
  dreams come from the stars, cats can see the dead, salt keeps bad luck away, trees talk at night,
  a lie makes the milk sour, the sea remembers everything, all debts are paid in the end, bees carry messages,
  left-handed people live longer, the world is flat, thunder is an argument, old houses can feel sadness,
  birds choose their listeners, iron cures a broken heart, nobody is born wicked, money makes people deaf,
  shadows are older than people, the wind brings letters, red doors keep out thieves, the dead play cards,
  stones grow in the dark, laughter heals wounds, the king is a clever puppet, there is life under the ice,
  names decide our lives, goats know the future, every clock is wrong, fog is the breath of giants,
  honest people sleep badly, music can move mountains, the stars are holes in a blanket, rain comes to those who wait,
  whistling calls the wind, mirrors keep old faces, frogs were once judges, a hat protects the thoughts`);

export const giverRelations = list(`
  grandmother, uncle, aunt, godfather, grandfather, great-aunt, cousin, stepmother, old nurse, first employer,
  schoolmate, landlady, brother-in-law, godmother`);

/** Nouns that take "a". */
export const treasures = list(`
  brass compass, copper kettle, silver thimble, pocket watch, ivory comb, music box, leather satchel, tin soldier,
  glass eye, carved pipe, wool blanket, pearl button, rusty key, painted fan, hunting horn, prayer book,
  magnifying glass, wooden spoon, gold ring, chess queen, broken sword, fishing knife, clay bird, china teapot,
  bone flute, velvet purse, lucky coin, oil lamp, amber necklace, telescope, spinning top, ink bottle, hand mirror,
  stone axe, snow globe, walking stick, sewing box, iron ring, paper crown, ship in a bottle, barometer, hourglass`);

/** Plurals. */
export const collections = list(`
  buttons, old keys, sea shells, stamps, feathers, bottle tops, teaspoons, maps, pressed flowers, coins, bird eggs,
  matchboxes, door handles, postcards, walking sticks, thimbles, bells, ribbons, fossils, spectacles, clocks,
  marbles, tickets, corks, recipes, puppets, lanterns, rings, beetles, jokes, old shoes, playing cards, teapots,
  typefaces, bus maps, snow globes, candle stubs, dice, hats, nutcrackers`);

/** Where money is kept. */
export const hidingPlaces = list(`
  under the third floorboard, behind the clock, in a flour jar, inside an old boot, in the chimney,
  beneath the hen house, in a hollow tree, behind a loose brick, inside the piano, in the rain barrel,
  under the mattress, in a teapot, inside a stuffed owl, below the stairs, in the lining of a coat,
  between two dictionaries, in a biscuit tin, under the doorstep, in the well bucket, inside a drum,
  behind a portrait, in a coffin, in the coal cellar, among the winter socks`);

export const weekdays = list('Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday');
export const months = list(
  'January, February, March, April, May, June, July, August, September, October, November, December',
);
export const seasons = list('spring, summer, autumn, winter');

const clock = (hour: number) => `${numberWords(hour)}|${hour} o'clock|${numberWords(hour)} o'clock`;
const half = (hour: number) => `half past ${numberWords(hour)}|${hour}:30`;
export const risingTimes = range(3, 11).flatMap((hour) => [clock(hour), half(hour)]);
export const bedTimes = range(7, 11)
  .flatMap((hour) => [clock(hour), half(hour)])
  .concat('midnight|twelve at night');

/** Verb phrases. */
export const evenings = list(`
  play cards, water the beans, read old letters, walk along the wall, practise scales, mend socks, watch the stars,
  write in a diary, feed the foxes, bake for the morning, listen to the radio, count the takings, do crossword puzzles,
  take foot baths, polish boots, sing in a choir, sweep the yard, darn stockings, visit the graveyard, sharpen tools,
  tell stories to children, lift weights, copy poems, brush the horses, pray for an hour, study maps, press flowers,
  draw portraits, wash the windows, repair toys, drink alone, chop wood, knit mittens, sit on the roof, tune the piano`);

export const hobbies = list(`
  carve spoons, paint miniature ships, grow orchids, fly kites, write riddles, build doll's houses, watch birds,
  keep bees, make kites, breed snails, solve puzzles, restore clocks, press flowers, hunt for mushrooms, skip stones,
  bind books, fold paper, brew beer, train pigeons, embroider cushions, juggle knives, act in plays, race snails,
  translate poems, draw comics, make candles, dance the tango, climb rocks, blow glass, rake gravel, dig for fossils,
  play marbles, arrange flowers, swim in rivers, study insects, make soap, invent board games, walk on stilts`);

export const languages = list(`
  Greek, Latin, Arabic, Finnish, Welsh, Hindi, Turkish, Polish, Swahili, Danish, Hebrew, Persian, Irish, Basque,
  Hungarian, Korean, Portuguese, Russian, Spanish, Catalan, Czech, Dutch, Estonian, Georgian, Icelandic, Italian,
  Japanese, Maltese, Mongolian, Norwegian, Romanian, Swedish, Tamil, Thai, Urdu, Vietnamese, Yoruba, Zulu`);

export const nicknames = list(`
  Old Thunder, the Sparrow, Half-Penny, the Owl, Lightfoot, Sugar, the Professor, Candle, the Iron Hand, Magpie,
  Featherhead, the Duke, Sleepy, Two-Coats, the Weasel, Sunday, Copperhead, the Goose, Quickstep, Mumbles,
  the Admiral, Beanpole, Snowball, the Mule, Freckles, Whistler, the Anchor, Doctor No, Pebble, the Heron,
  Gloves, Nutcracker, the Baron, Cricket, Blue Eyes, the Lamp, Needles, Tumbleweed, the Bishop, Little Bear`);

export const bodyParts = list(`
  left knee, right knee, left hand, right hand, left ankle, right ankle, left shoulder, right shoulder, nose, jaw,
  left elbow, right wrist, left foot, right ear, left thumb, neck, right hip, left heel`);

export const markParts = list(`
  left cheek, right cheek, chin, forehead, left arm, right arm, left hand, right hand, neck, back, left shoulder,
  right shoulder, chest, left ankle`);

/** Nouns with their article. */
export const marks = list(`
  a scar shaped like a hook, a tattoo of an anchor, a birthmark like a leaf, a burn from a candle, a tattoo of a swallow,
  a scar as long as a finger, a mole like a coin, a tattoo of a rose, a pale star-shaped scar, a bite mark from a seal,
  a tattoo of a key, a birthmark like a map, three small scars, a tattoo of a fish, a dark round birthmark`);

export const accidents = list(`
  a falling beam, a kick from a mule, a fall from a ladder, a slammed door, a runaway cart, a bad dive, a sword fight,
  a broken bottle, a rock slide, a tumble on the ice, a frightened bull, an exploding stove, a bite from a dog,
  a loose roof tile, a cricket ball, a tram accident, a fall from an apple tree, a wrestling match, a snapped rope,
  a dropped anvil, a skiing accident, a fight over cards`);

export const illnesses = list(`
  asthma, gout, hay fever, migraines, a weak heart, poor eyesight, toothache, rheumatism, insomnia, vertigo,
  a weak stomach, cold feet, nosebleeds, a chronic cough, diabetes, seasickness, eczema, malaria, a stammer,
  anaemia, back pain, ringing ears, chilblains, colour blindness, heartburn, sleepwalking`);

export const colours = list(`
  red, blue, green, yellow, black, white, grey, brown, purple|violet, orange, pink, turquoise, scarlet,
  golden, silver, cream, olive green, rust brown, navy blue, ivory, lilac, crimson`);
export const garments = list(`
  coat, cloak, scarf, hat, apron, jacket, waistcoat, shawl, cap, jumper, tunic, dressing gown, belt, ribbon,
  pair of boots, pair of gloves, necktie, skirt, robe, bonnet, sash, raincoat`);
export const hairColours = list(
  'black, brown, red, grey, white, blond|fair, dark brown, ginger, silver, dyed green',
);
export const hairShapes = list('long, short, curly, straight, thick, wiry, wavy, tangled');

export const weathers = list(`
  heavy rain, fresh snow, thick fog, strong wind, dry heat, light drizzle, clear frost, thunderstorms, warm mist,
  hail, bright sunshine, low clouds, a sea breeze, a grey sky, the first frost, monsoon rain, still summer nights`);

const titleAdjectives = list(`
  Silver, Lost, Last, Wooden, Silent, Hungry, Broken, Golden, Third, Blind, Little, Crooked, Sleeping, Empty, Burning`);
const titleNouns = list(
  'Lantern, River, Tower, Fox, Garden, Bride, Clock, Winter, Sailor, Orchard, Mirror, Crown',
);
export const bookTitles = product(['The'], product(titleAdjectives, titleNouns));
export const songTitles = product(
  list('Farewell to, Waltz for, Ballad of, Dance for, Lament for, March of, Dreaming of, Waiting for'),
  list(
    'Rosie, the Harbour, the Yellow Bird, the Miller, the Mountain, Sweet Annie, the Old Road, the Morning, the Rain',
  ),
);

export const games = list(`
  chess, dominoes, draughts|checkers, backgammon, bowls, poker, hopscotch, marbles, darts, whist, tag, croquet,
  mahjong, billiards, dice, hide and seek, rummy, solitaire, ludo, bridge, skittles, charades, snakes and ladders, go`);

/** Verb phrases in the past tense: how someone reached a place. */
export const journeys = list(`
  walked, rode a mule, took the night train, sailed, crawled through a tunnel, skated, drove an ox cart,
  flew in a balloon, paddled a canoe, hitched a lift, rode a camel, stowed away on a ship, cycled, marched,
  travelled in a coffin, went by sledge, rode on a barge, swam`);
export const farPlaces = list(`
  the salt lakes, the northern islands, the old capital, the glass mountains, the river mouth, the holy city,
  the southern desert, the world fair, the edge of the ice, the ruined abbey, the royal forest, the black cliffs,
  the valley of wells, the pearl coast, the hot springs, the great canal, the border fort, the amber beach,
  the monastery of cats, the sunken village, the copper mines, the queen's summer palace, the singing dunes`);

/** What a prize was for. */
export const prizes = list(`
  the heaviest pumpkin, the longest sausage, the best waltz, the loudest laugh, the finest handwriting,
  the fastest rowing, the prettiest cow, the neatest stitches, the best fish soup, the bravest rescue,
  the sharpest essay, the tallest sunflower, the oldest bicycle, the best brass band, the sweetest honey,
  the strangest invention, the highest jump, the ugliest dog, the most patient teaching, the best pickles,
  the finest lace, the straightest furrow, the best ghost story, the quickest shave, the cleanest kitchen`);
export const awards = list(
  'first prize, second prize, third prize, a silver medal, a gold cup, a blue ribbon',
);

const currencies = list('silver coins, crowns, gold pieces, guilders, shillings, ducats');
export const amounts = product(
  list(
    'four|4, nine|9, twelve|12, twenty|20, thirty|30, forty|40, sixty|60, eighty|80, ninety|90, two hundred|200, five hundred|500',
  ),
  currencies,
  '#',
).map((entry) => {
  const [number = '', currency] = entry.split('#');
  return number
    .split('|')
    .map((form) => `${form} ${currency}`)
    .join('|');
});

export const quarrels = list(`
  a stolen recipe, a borrowed ladder, a game of cards, a lost election, a fallen tree, a broken promise, a spilt drink,
  a love letter, a rude song, a dead hen, a boundary wall, a singing contest, a bad haircut, a horse race,
  a secret sold, an old photograph, a cracked bell, a bucket of paint, a place in the choir, an unpaid bill`);

/** Verb phrases on how someone talks. */
export const manners = list(`
  speak in a whisper, answer with proverbs, finish other people's sentences, use very long words, swear by the saints,
  talk in rhymes, call everybody captain, ask three questions at once, speak very slowly, never finish a sentence,
  mumble into my collar, use the names of vegetables as insults, repeat the last word, talk with both hands,
  tell every story twice, laugh before the joke, address people by their hats, say thank you too often,
  pause before every name, shout as if at sea, quote old books, talk about myself by name, speak only when asked,
  compare people to birds, exaggerate every number, count my points on my fingers, apologise to furniture`);

export const oldUnknowns = list(`
  telephones, computers, aeroplanes, antibiotics, television, electric light, vacuum cleaners, photography,
  plastic, satellites, motor cars, the internet, video games, nuclear power, traffic lights, elevators, chewing gum,
  refrigerators, credit cards, robots, escalators, submarines, x-rays, frozen peas`);
export const newUnknowns = list(`
  falconry, typewriters, steam engines, alchemy, fountain pens, opera, crop rotation, sundials, Latin grammar,
  chivalry, telegrams, cricket, cheese making, the stock market, wild mushrooms, butter churns, oil painting, ballet,
  tax law, beekeeping, plumbing, poetry, football, quantum physics`);

/** Participles: "has never …". */
export const experiences = list(`
  eaten an oyster, slept in a tent, ridden an elephant, stayed up all night, been in prison, seen a tiger,
  lost a tooth in a fight, kissed a stranger, worn a crown, written a novel, touched a whale, fainted in church,
  been struck by lightning, read a whole dictionary, left this country, fallen through ice, driven a plough,
  voted in an election, been stung by a jellyfish, told a lie in court, seen a comet, been bitten by a dog,
  broken a promise, climbed a volcano, slept on a roof, lost a bet, eaten with the left hand, owned a house,
  been to a funeral, met an emperor, won an argument, spent a day in silence, shaken hands with a thief,
  had a tooth pulled, danced until dawn, carried a coffin, been photographed, seen a ghost, cried at a play`);

/** Things to like or to dislike; plurals or mass nouns, taken as such. */
export const opinions = list(`
  street markets, long speeches, opera, brass bands, surprise guests, tall hats, poetry, card tricks, gossip,
  early mornings, small talk, fireworks, church bells, puppet shows, wet grass, politicians, perfume, family dinners,
  fairy tales, riddles, modern art, practical jokes, parades, new shoes, tourists, gardening, folk dances,
  funerals, birthday parties, ghost stories, board meetings, horse races, jazz, crowds of children, long walks,
  ceremonies, strong smells, old ruins, wrestling, fashion, silence, beards`);

/** Verb phrases: "has sworn never to …". */
export const vows = list(`
  drink wine, lend money, eat meat, gamble, tell lies, dance in public, ride in a boat, work on a Sunday, shout at a child,
  wear black, sign contracts, sing at weddings, borrow tools, take medicine, cut my hair, sleep past dawn, carry a weapon,
  speak to reporters, read other people's letters, sit by the door, smoke a pipe, buy on credit, kill spiders,
  visit the city, talk about the war, wear a watch, trust lawyers, cross the old bridge, give interviews, eat sugar`);

export const sleepPlaces = list(`
  in a hammock, on the kitchen floor, in a wardrobe bed, on a pile of sacks, in an armchair, under the table,
  in a four-poster bed, on the balcony, in a bunk bed, on a camp bed, in the bathtub, on a straw mattress,
  in a hayloft, beside the stove, in a rocking chair, on a wooden bench, in a sleeping bag, on a sofa,
  in a cupboard, on the roof`);

export const employers = list(`
  a shipping company, the old duke, a travelling circus, the city council, two elderly sisters, a rich widow,
  the royal mint, a toy factory, the university, a glass works, a retired general, the water board,
  a sugar merchant, a chain of hotels, the bishop, a blind composer, the fire brigade, a seed company,
  the opera house, a diamond dealer, a button manufacturer, the zoo, a law firm, the salt office,
  a family of clowns, the harbour authority, a tea importer, the museum of clocks, a wine merchant, the hospital`);

export const subjects = list(`
  geometry, swordplay, calligraphy, singing, astronomy, cooking, wrestling, botany, painting, fishing, carpentry,
  Latin, magic tricks, medicine, horse riding, dancing, archery, accounting, poetry, bookbinding, history, boxing,
  weaving, navigation, chemistry, drumming, lock picking, fencing, acting, pottery`);

export const lostThings = list(`
  a silver ring, a suitcase, a front tooth, a violin bow, a leather glove, a love letter, a passport, a straw hat,
  a bag of coins, a wooden leg, a winter coat, a set of keys, a pocket watch, a birth certificate, a red umbrella,
  a box of tools, a family bible, a lucky stone, a left shoe, a pair of spectacles`);
export const lossPlaces = list(`
  at the railway station, in a snowdrift, in a card game, at the bottom of the lake, in the opera house, on a ferry,
  in the market crowd, at a funeral, in the desert, behind the theatre, in a taxi, at the barber's, in the river,
  during a flood, in a corn field, at the border, on the cathedral steps, in a hotel laundry`);

export const strangers = list(`
  the king, a famous actor, a pirate, the pope, a ghost, a prime minister, a blind astronomer, a giant, a spy,
  an escaped prisoner, the inventor of the zip, a queen in disguise, a champion boxer, a saint, a lion tamer,
  a bank robber, a great composer, a polar explorer, an emperor, a sword swallower, a millionaire, a fortune teller`);

export const smells = list(`
  fresh bread, wet dogs, pipe smoke, cut grass, old books, tar, lemon peel, roasted coffee, candle wax, hot iron,
  lavender, fish glue, orange blossom, damp earth, machine oil, burnt sugar, pine needles, clean sheets, cinnamon,
  leather, hay, petrol, garlic, snow, peppermint, wood smoke`);

export const noises = list(`
  squeaking doors, barking dogs, bagpipes, dripping taps, loud chewing, church bells, crying babies, ticking clocks,
  scraping chairs, drums, snoring, whistling kettles, slamming shutters, chalk on a board, cheap violins, buzzing flies,
  engines, creaking shoes, trumpets, howling wind, sniffing, crows, fireworks, humming`);

export const countedThings = list(`
  clocks, hats, knives, teapots, pairs of shoes, chairs, bells, umbrellas, fishing rods, mirrors, lanterns,
  blankets, dictionaries, walking sticks, apple trees, rose bushes, candlesticks, cooking pots, maps, watches`);

export const schoolSubjects = list(`
  arithmetic, spelling, history, drawing, geography, singing, gymnastics, grammar, handwriting, science, reading,
  needlework, woodwork, French`);

export const deeds = list(`
  saved three sailors from drowning, carried a child out of a fire, stopped a runaway horse, won a pie-eating contest,
  fell asleep on stage, sang for the governor, walked out of a wedding, slept in a bear's cave, got lost in a cathedral,
  crashed a hay cart, mistook the mayor for a thief, caught a pickpocket, found a bag of pearls, broke a world record,
  missed the last boat home, swallowed a coin, fought off a wolf, delivered a baby, put out a forest fire,
  climbed the town hall, bought a blind horse, escaped from a flood, slept through an earthquake, spoke before parliament`);
