import type { Temper } from './types.js';

/**
 * Sentences that add a voice and no fact about the speaker. They go with right, wrong and beside-the-point
 * answers alike, so that neither manner nor length gives a label away.
 */

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

export const colour: Readonly<Record<Temper, readonly string[]>> = {
  brusque: lines(`
    Hand me that rope.
    Now mind the step.
    Shut the door, it is not a barn.
    You ask a lot for someone with dry shoes.
    Write it down or forget it.
    I will not say it twice.
    That is all there is to it.
    The kettle will not boil by being looked at.
    Sit, but leave the chair where it is.
    Save your breath for the hill.
    No need to stare.
    There are worse things under the sun.
    Take it or leave it.
    My patience has a short tail.
    The gate is over there, if you need it.
    Ask the next one, he has more time.
    Nobody pays me to chat.
    Put your hat on, you make me cold.
    Words do not fill a bucket.
    Do not lean on that, it is wet.
    You could have asked that by letter.
    I have nails to sort.
    Keep your elbows off the table.
    It does not matter to the rain.
    Move over, you are in the light.
    Anything else, or can I get on?
    A plain question gets a plain answer.
    Half this street could tell you as much.
    Do not look so surprised.
    I have heard better questions from a gate.
    Hold this lamp and be useful.
    There, now you have it.
    It is nobody's business, but there you are.
    The bell will ring soon, so be quick.
    Wipe that grin off.
    Some things need no speech.
    Watch the bucket by your foot.
    Time is short and so am I.
    You talk like a mill.
    Next time bring a pencil.
    What is it to you, anyway?
    It is dull, but it is so.`),
  chatty: lines(`
    Sit down, sit down, the bench does not bite.
    You should have heard them laugh at the corner table.
    I could go on about this until the candles are gone.
    Now where did I put the sugar?
    Everybody round here could tell you ten stories about that.
    Oh, but I am talking too much again, stop me.
    The lady from the post office nearly fell off her stool.
    Wait until you hear the rest of it.
    Have a biscuit while I find my words.
    And you know how people talk when the shop is empty.
    My word, the questions you ask!
    It makes a fine story with a bit of gravy on it.
    I was telling the butcher just the other day.
    Lean closer, the walls are thin.
    You remind me of somebody, it will come to me.
    Isn't that the way of it, though?
    Half the town was there and the other half heard it by supper.
    Bless you for asking, nobody ever does.
    Let me pour you something first, the cups are clean.
    You have such an honest face, so I will tell you.
    Where was I, before the dog barked?
    It would take a whole Sunday to explain.
    I laughed so hard that a button flew off.
    Someone ought to put it in the newspaper.
    You will tell your people at home, won't you?
    There was such a crowd at the pump this morning.
    Oh, the things I could tell you about the baker!
    Not that anybody minds, as far as I know.
    Stay a while, the road will not run away.
    It is funny how one thing leads to another.
    Ask my cousin, she tells it even better.
    Do take off your coat, you will boil.
    I must remember to write that on the slate.
    What a day for a talk, don't you think?
    They still tease me about it at the well.
    Well, one has to say something, hasn't one?
    The whole choir knows it by now.
    I had a better way of putting it, but it has slipped my mind.
    Goodness, is that the time already?
    You must come again and bring your mother.
    I do love a bit of company in the afternoon.
    Between you and me, the mayor was not amused.`),
  formal: lines(`
    I trust that this answers your question.
    You will forgive me if I remain standing.
    One does not like to speak of oneself at length.
    Permit me to offer you a chair.
    I say so without any wish to impress you.
    The matter is, I believe, quite plain.
    Should you require it in writing, I shall fetch a pen.
    Kindly mind the carpet.
    I would ask you to treat this with discretion.
    It is of little importance to anyone but myself.
    Pray continue, I am listening.
    I have nothing to add to that.
    You are most kind to inquire.
    My regards to those who sent you.
    There are, of course, other opinions on the matter.
    A record of it may be found in the town hall.
    I do hope that you had a pleasant walk here.
    Let us keep to the point, if you please.
    It would be improper to say more before lunch.
    I speak with some care, as you will have noticed.
    The clerk will see you out afterwards.
    I should be glad to discuss it at greater length.
    Such questions are not often put to me.
    Allow me a moment to light the lamp.
    I have always considered it a private matter.
    You may quote me, with the usual courtesy.
    The committee has been told the same.
    Accuracy is the politeness of those who remember.
    I beg you to excuse the state of the room.
    Your letter, I fear, arrived a day late.
    One must be exact in such things.
    It is, I admit, a modest answer.
    I shall gladly repeat it before witnesses.
    We have, if I see correctly, a little time left.
    Nothing could be further from my mind than to boast.
    I thank you for the patience you have shown.
    There is a proper form for everything.
    Let it be noted and filed.
    Please be so good as to close the window.
    My answer would have been the same last year.
    I consider the question fair.
    You will find pen and paper on the desk.`),
  childish: lines(`
    Do you want to see a trick?
    I can say it standing on one leg!
    Why do you want to know that?
    Look, there is a bug on your sleeve!
    That is a funny question, ask me another.
    Bet you did not know that!
    Promise that you will not tell the big ones.
    I am not even joking.
    Guess what I found behind the shed?
    You have crumbs on your chin, hihi.
    It is the truth, cross my heart!
    Can I have a turn with your hat?
    You say it, then I say it, and then we run.
    Wait, I have to hop over this puddle first.
    Grown people always ask that.
    My tongue is all blue, look!
    It is my turn to ask now.
    I thought about it all day in the bath.
    Race you to the gate!
    Somebody drew a pig on the wall, it was not me.
    Is it true that worms have five hearts?
    When I say it fast it sounds like a spell.
    You talk like a teacher, but a nice one.
    Shh, the big ones are coming.
    That is so easy, ask me something hard!
    I drew you a picture of it, but the rain came.
    If you laugh I will not tell you more.
    Do you have any sweets left?
    It makes my tummy tickle.
    One, two, three, you are it!
    I made up a song about that.
    And then everything went boom.
    You can hold my stick, but give it back.
    Everybody in my game has to know the password.
    Can we do something with mud now?
    Hooray, somebody asked me at last!
    My shoe is talking, look, it has a mouth.
    I know, I know, ask me, ask me!
    I told the moon and it did not mind.
    That was a very long word you said.
    Are you a spy or just tall?
    I can whisper so loud that pigeons fly off.`),
  poetic: lines(`
    The evening lays its hand upon the roofs.
    Words are small boats for so wide a water.
    Listen, even the dust is holding its breath.
    So the thread runs through the cloth.
    A leaf came down while you were asking.
    The hours fold themselves like letters.
    There is more silence in it than sound.
    Every answer casts a shadow somewhere.
    The lamp knows more of it than I do.
    Light falls through the question like through glass.
    What we say is only the foam on the wave.
    Let the wind carry it where it likes.
    Somewhere a door closes softly on the past.
    It shines in me like a coin in a well.
    The sky has written it in a slow hand.
    Ask the grass, it bends the same way.
    Thus the river speaks to its stones.
    My heart keeps it folded in linen.
    A bell was ringing far off, and then it was not.
    Memory is a garden with the gate left open.
    The road remembers every foot.
    I tell you this as one tells it to the night.
    Between two breaths lies a whole country.
    The shadows lengthen, but they do not lie.
    Such things ripen slowly, like pears.
    The ashes still know the song of the wood.
    One star answered, the rest were busy.
    Time drips from the eaves and is gone.
    See how the light leans on the wall.
    All of it is written on water.
    A moth has settled on your question.
    The silence after it is also mine.
    So I carry it, as a tree carries its rings.
    Dusk is the colour of what we forget.
    Let me say it as softly as flour falls.
    Even stones soften when they are asked kindly.
    The world turns its page and does not look up.
    There was a sweetness in the air as you spoke.
    I have hung it like a lantern in my mind.
    Far away a field is dreaming of rain.
    Nothing is small that one has loved.
    The hour is a bird, speak gently.`),
};

export const openers: Readonly<Record<Temper, readonly string[]>> = {
  brusque: [
    'Hm.',
    'Fine.',
    'Look here.',
    'Right.',
    'Huh.',
    'Well.',
    'If you must know.',
    'Listen.',
    'Easy.',
    'What a question.',
  ],
  chatty: [
    'Oh!',
    'Ah, well!',
    'Goodness me.',
    'Now then.',
    'Funny that you ask.',
    'You will like this.',
    'My dear!',
    'Let me see.',
    'Oh, come here.',
    'There you go.',
  ],
  formal: [
    'Certainly.',
    'Indeed.',
    'With pleasure.',
    'Allow me.',
    'A fair question.',
    'If I may.',
    'Very well.',
    'To be precise.',
    'Good day to you.',
    'I shall be brief.',
  ],
  childish: [
    'Hey!',
    'Ooh!',
    'Um.',
    'Hihi.',
    'Wow.',
    'Okay, okay.',
    'Psst.',
    'Hmm, hmm.',
    'Guess what?',
    'Me, me!',
  ],
  poetic: [
    'Ah.',
    'Listen.',
    'Hush now.',
    'See.',
    'Dear soul.',
    'Softly.',
    'O friend.',
    'Well asked.',
    'Come closer.',
    'Ask, and hear.',
  ],
};

export const closers: Readonly<Record<Temper, readonly string[]>> = {
  brusque: ['There.', 'Done.', 'Happy now?', 'Good night.', 'Off with you.', 'So.'],
  chatty: [
    'And that is that!',
    'Can you imagine?',
    'More tea?',
    'What about you?',
    'There, I said it.',
    'You know?',
  ],
  formal: [
    'Thank you.',
    'As I said.',
    'Good day.',
    'I remain at your service.',
    'That is all.',
    'If you please.',
  ],
  childish: ['So there!', 'Yay!', 'And you?', 'Ha!', 'The end.', 'Your turn.'],
  poetic: ['So it is.', 'And so it goes.', 'Hear it.', 'Let it rest.', 'Such is the song.', 'And you?'],
};
